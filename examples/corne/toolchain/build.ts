// Builds the firmware of one half of a Corne: `node build.ts --board nice_nano_v2 --shield corne_left …`.
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `node build.ts --board BOARD --shield SHIELD --config DIRECTORY --build DIRECTORY --name NAME [--jobs N]`;

// This program's modules are inputs of the firmware too, and only the loader knows all of them. Packages are pinned by
// the versions that version.mjs prints.
const modules = new Set([fileURLToPath(import.meta.url)]);
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) modules.add(fileURLToPath(url));
    return next(url, context);
  },
});

const { BuildError } = await import('./errors.ts');

try {
  await main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parse();
  const { buildFirmware } = await import('./firmware.ts');
  const required = (name: 'board' | 'shield' | 'config' | 'build' | 'name'): string => {
    const value = values[name];
    if (!value) throw new BuildError(`--${name} is missing. Usage:\n${USAGE}`);
    return value;
  };
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs > 0)) {
    throw new BuildError(`--jobs is '${values.jobs}', but must be a number of at least 1.`);
  }
  await buildFirmware({
    board: required('board'),
    shield: required('shield'),
    configDirectory: resolve(required('config')),
    buildDirectory: resolve(required('build')),
    name: required('name'),
    ...(jobs === undefined ? {} : { jobs }),
    alsoRead: () => [...modules],
    report: line => console.log(line),
  });
}

function parse() {
  try {
    return parseArgs({
      options: {
        board: { type: 'string' },
        shield: { type: 'string' },
        config: { type: 'string' },
        build: { type: 'string' },
        name: { type: 'string' },
        jobs: { type: 'string' },
      },
    });
  } catch (error) {
    throw new BuildError(`${(error as Error).message} Usage:\n${USAGE}`);
  }
}
