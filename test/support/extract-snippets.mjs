// Extracts the programs of a Markdown file: `node extract-snippets.mjs README.md DIRECTORY` writes each fenced block
// whose first line is a comment with a file name, such as `// pool.js`, to that file.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [markdown, directory] = process.argv.slice(2);
const blocks = /^```(?:js|ts|yaml)\n((?:\/\/|#) ([\w.-]+)\n[\s\S]*?)^```$/gm;
for (const [, text, name] of readFileSync(markdown, 'utf8').matchAll(blocks)) {
  writeFileSync(join(directory, name), text);
}
