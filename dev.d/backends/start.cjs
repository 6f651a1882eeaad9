'use strict';
// A service that a lab has for endpoints to forward to, on 127.0.0.1: start.cjs s3 PORT FOLDER | start.cjs dynamodb PORT
// Prints "listening" when it is.

const [service, port, folder] = process.argv.slice(2);
const address = '127.0.0.1';

const start = {
  s3: () => {
    const S3rver = require('s3rver');
    return new S3rver({ address, port: Number(port), directory: folder, silent: true }).run();
  },
  dynamodb: () => new Promise((resolve, reject) => {
    const server = require('dynalite')({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
    server.once('error', reject);
    server.listen(Number(port), address, resolve);
  }),
}[service];

start().then(() => console.log('listening'), (error) => {
  console.error(error);
  process.exit(1);
});
