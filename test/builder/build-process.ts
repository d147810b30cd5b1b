// Runs a build in its own process and prints each event as a line of JSON.
import { build } from '../../src/builder/index.ts';

await build({
  ...JSON.parse(process.argv[2]!),
  onEvent: event => process.stdout.write(`${JSON.stringify(event)}\n`),
});
