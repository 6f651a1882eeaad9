// The Node runtime: aws-lambda-ric loads the function's handler and serves the Lambda Runtime API with it.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
// Before anything of the function's is loaded: it may keep Math.random.
require('./random.cjs').install();
await require('./runtime_api.cjs').connect(process.env.AWS_LAMBDA_RUNTIME_API);

const { run } = await import('aws-lambda-ric');
await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
