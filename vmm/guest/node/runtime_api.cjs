'use strict';
// One connection to the agent's Runtime API, kept open, as the module "rapid-client.node" of aws-lambda-ric: next, done
// and error. Every answer of the agent has a Content-Length.
//
// Invariants:
// - What is posted is handed to the kernel before the call returns, if it fits into the socket's buffer: the process may
//   end right behind it (aws-lambda-ric ends it after an uncaught error).
// - The socket keeps the event loop alive only while an answer is awaited: a handler with a callback has ended when the
//   loop is empty.

const net = require('node:net');
const random = require('./random.cjs');

const PREFIX = '/2018-06-01/runtime/';

let socket;
let host;
let received = Buffer.alloc(0);
// Those who wait for an answer, in the order of their requests.
const waiting = [];

function connect(address) {
  host = address;
  const [name, port] = address.split(':');
  return new Promise((resolve, reject) => {
    socket = net.connect({ host: name, port: Number(port), noDelay: true }, resolve);
    socket.once('error', reject);
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      while (takeAnswer());
    });
    // The agent closes the connection only with the runtime's end.
    socket.on('close', () => process.exit(1));
  });
}

/** Gives one whole answer to who waits for it. */
function takeAnswer() {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const [status, ...lines] = received.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  const begin = end + 4;
  const length = Number(headers['content-length'] ?? 0);
  if (received.length < begin + length) return false;
  const body = received.toString('utf8', begin, begin + length);
  received = received.subarray(begin + length);
  const resolve = waiting.shift();
  if (waiting.length === 0) socket.unref();
  resolve({ status: Number(status.split(' ')[1]), headers, body });
  return true;
}

function call(method, path, body = '', headers = {}) {
  const content = Buffer.from(body);
  const lines = [`${method} ${PREFIX}${path} HTTP/1.1`, `Host: ${host}`, `Content-Length: ${content.length}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  socket.ref();
  const answer = new Promise((resolve) => waiting.push(resolve));
  socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content]));
  return answer;
}

/** This process is a copy of one in a snapshot: what must differ between copies is made anew. */
function afterRestore(encoded) {
  for (const variable of Buffer.from(encoded, 'base64').toString().split('\0')) {
    const equals = variable.indexOf('=');
    if (equals > 0) process.env[variable.slice(0, equals)] = variable.slice(equals + 1);
  }
  random.renew();
}

async function next() {
  const { status, headers, body } = await call('GET', 'invocation/next');
  if (status !== 200) throw new Error(`Failed to get next invocation, error ${status}`);
  if ('caisson-restored' in headers) {
    afterRestore(headers['caisson-restored']);
    delete headers['caisson-restored'];
  }
  return { bodyJson: body, headers };
}

function done(id, body) {
  call('POST', `invocation/${id}/response`, body, { 'Content-Type': 'application/json' });
}

function error(id, body) {
  const { errorType } = JSON.parse(body);
  call('POST', `invocation/${id}/error`, body, {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': typeof errorType === 'string' && errorType !== '' ? errorType : 'Unhandled',
  });
}

module.exports = { connect, next, done, error };
