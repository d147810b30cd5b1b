// Loaded before every test file: what the person who runs the tests has set for Glovebox is not what is tested.
import path from 'node:path';

for (const name of Object.keys(process.env)) {
  if (name.startsWith('GLOVEBOX_')) delete process.env[name];
}

// The sources are compiled once, not by every process and thread of the tests: most of a short program's time.
process.env.NODE_COMPILE_CACHE = path.resolve(process.env.NODE_COMPILE_CACHE);
