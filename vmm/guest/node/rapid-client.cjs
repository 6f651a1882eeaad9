'use strict';
// What aws-lambda-ric loads as its client of the Runtime API.
module.exports = require('/var/runtime/runtime_api.cjs');
