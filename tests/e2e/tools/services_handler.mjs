// A function with the AWS SDK as it is: the life of objects in a bucket, and of an item in a table.
import {
  CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand, waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  CompleteMultipartUploadCommand, CreateBucketCommand, CreateMultipartUploadCommand,
  DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand,
} from '@aws-sdk/client-s3';

const hosts = [];
const client = new S3Client();
client.middlewareStack.add((next) => async (args) => {
  hosts.push(args.request.hostname);
  return next(args);
}, { step: 'finalizeRequest' });

const text = async (key, Bucket) => (await client.send(new GetObjectCommand({ Bucket, Key: key }))).Body.transformToString();

const item = async (TableName) => {
  const tables = new DynamoDBClient();
  await tables.send(new CreateTableCommand({
    TableName, BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [{ AttributeName: 'k', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'k', KeyType: 'HASH' }],
  }));
  await waitUntilTableExists({ client: tables, maxWaitTime: 60, minDelay: 1 }, { TableName });
  await tables.send(new PutItemCommand({ TableName, Item: { k: { S: 'one' }, v: { N: '1' } } }));
  return (await tables.send(new GetItemCommand({ TableName, Key: { k: { S: 'one' } } }))).Item;
};

export const handler = async ({ bucket: Bucket, table }) => {
  if (table) return { item: await item(table) };
  const answer = {};
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutObjectCommand({ Bucket, Key: 'a key/ü+1', Body: 'from node' }));
  answer.read = await text('a key/ü+1', Bucket);
  const Key = 'parts';
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const Parts = [];
  for (const [index, Body] of ['one, ', 'two'].entries()) {
    const PartNumber = index + 1;
    const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
    Parts.push({ PartNumber, ETag });
  }
  await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  answer.parts = await text(Key, Bucket);
  answer.listed = (await client.send(new ListObjectsV2Command({ Bucket }))).Contents.map((one) => one.Key);
  for (const key of answer.listed) await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
  answer.left = (await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount;
  answer.hosts = [...new Set(hosts)];
  try {
    await text('a key/ü+1', Bucket);
  } catch (error) {
    answer.error = error.name;
  }
  return answer;
};
