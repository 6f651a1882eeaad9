'use strict';
// Random numbers in copies of one process: what a snapshot holds of generators and of numbers drawn ahead must not be
// used by two of its copies.

const crypto = require('node:crypto');
const { reseed } = require('./openssl_reseed.node');

// Numbers that node:crypto draws ahead for randomUUID (lib/internal/crypto/random.js, kBatchSize) and for randomInt
// (randomCache, 6 bytes each).
const UUIDS_AHEAD = 128;
const INTEGERS_AHEAD = 1024;

const POOL_NUMBERS = 128;
const pool = new Uint32Array(2 * POOL_NUMBERS);
let used = pool.length;

/** In place of V8's Math.random, whose state nothing can renew: 53 bits of OpenSSL's generator. */
function random() {
  if (used === pool.length) {
    crypto.randomFillSync(pool);
    used = 0;
  }
  const high = pool[used++] >>> 5;
  const low = pool[used++] >>> 6;
  return (high * 0x4000000 + low) / 0x20000000000000;
}

/** For the first lines of the process. */
function install() {
  Math.random = random;
}

/** In a copy of a snapshot, whose kernel has new entropy. */
function renew() {
  reseed();
  used = pool.length;
  // The rest of what was drawn ahead, and more, from the generator as it is now.
  for (let i = 0; i < UUIDS_AHEAD; ++i) crypto.randomUUID();
  for (let i = 0; i < INTEGERS_AHEAD; ++i) crypto.randomInt(2);
}

module.exports = { install, renew };
