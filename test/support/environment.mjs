// Loaded before every test file: removes the Glovebox settings of the user who runs the tests.
import path from 'node:path';

for (const name of Object.keys(process.env)) {
  if (name.startsWith('GLOVEBOX_')) delete process.env[name];
}

// Sources are compiled once, not by every process and thread of the tests: that is most of a short program's time.
process.env.NODE_COMPILE_CACHE = path.resolve(process.env.NODE_COMPILE_CACHE);
