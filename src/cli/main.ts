#!/usr/bin/env node
// The program `glovebox`. Rejects an old Node with one line before loading anything else, because the native SQLite
// binding would crash it without a message. This file and its static imports may use only syntax that Node 18 can
// parse.
import { assertNodeVersion } from '../system/node-version.ts';

const argv = process.argv.slice(2);
try {
  assertNodeVersion();
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    const { ownVersion } = await import('./version.ts');
    process.stdout.write(`${ownVersion()}\n`);
  } else {
    const { run } = await import('./program.ts');
    process.exitCode = await run(argv);
  }
} catch (error) {
  const isExpected = error instanceof Error && 'code' in error && error.code === 'GLOVEBOX_NODE_TOO_OLD';
  process.stderr.write(isExpected ? `error: ${error.message}\n` : `${describe(error)}\n`);
  process.exitCode = 1;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
