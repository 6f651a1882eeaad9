// The demo's second function: stores the stock in S3 with the AWS SDK as it is, and reads it back; says how that went.
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const client = new S3Client({ maxAttempts: 1, requestHandler: { connectionTimeout: 4000 } });
const object = { Bucket: 'stock', Key: 'today.json' };

export const handler = async ({ stock }) => {
  try {
    await client.send(new CreateBucketCommand({ Bucket: object.Bucket }));
    await client.send(new PutObjectCommand({ ...object, Body: JSON.stringify(stock) }));
    const { Body } = await client.send(new GetObjectCommand(object));
    return { ok: true, answer: JSON.parse(await Body.transformToString()) };
  } catch (error) {
    return { ok: false, error: `${error.name}: ${error.message}` };
  }
};
