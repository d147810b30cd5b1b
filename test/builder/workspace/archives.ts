// Archives as a third party could have made them.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { ZipFile } from 'yazl';

export interface Item {
  name: string;
  content?: string;
  link?: string;
  type?: 'directory' | 'link' | 'fifo' | 'character-device';
}

const about = (items: Item[]) => ({
  name: 'glovebox-workspace.json',
  content: JSON.stringify({
    schema: 1,
    repository: 'up/zmk',
    revision: 'main',
    manifests: ['0'.repeat(64)],
    count: items.length,
    bytes: 10_000,
  }),
});

const checksums = (items: Item[]) => {
  const sums: Record<string, string> = {};
  for (const { name, content, link } of items) {
    if (content !== undefined) sums[name] = `file ${createHash('sha256').update(content).digest('hex')}`;
    if (link !== undefined) sums[name] = `link ${link}`;
  }
  return { name: 'glovebox-checksums.json', content: JSON.stringify(sums) };
};

/** A whole archive around these items, with correct checksums. */
export async function writeArchive(file: string, items: Item[]): Promise<void> {
  await writeItems(file, [about(items), ...items, checksums(items)]);
}

/** An archive of exactly these items, in the format that the name says. */
export async function writeItems(file: string, items: Item[]): Promise<void> {
  if (file.endsWith('.zip')) return writeFile(file, await zip(items));
  const archive = pack();
  for (const { name, content, link, type } of items) {
    if (type !== undefined) archive.entry({ name, type, ...(link !== undefined && { linkname: link }) });
    else if (link !== undefined) archive.entry({ name, type: 'symlink', linkname: link });
    else archive.entry({ name }, content ?? '');
  }
  archive.finalize();
  const tar = await buffer(archive as unknown as NodeJS.ReadableStream);
  await writeFile(file, file.endsWith('.gz') ? gzipSync(tar) : zstdCompressSync(tar));
}

async function zip(items: Item[]): Promise<Buffer> {
  const archive = new ZipFile();
  const renamed: [from: string, to: string][] = [];
  for (const [index, { name, content, link }] of items.entries()) {
    // The library refuses names that lead elsewhere, so the name is patched in afterwards.
    const harmless = `${index}`.padEnd(name.length, '_');
    renamed.push([harmless, name]);
    const mode = link === undefined ? 0o100644 : 0o120777;
    archive.addBuffer(Buffer.from(link ?? content ?? ''), harmless, { mode });
  }
  archive.end();
  let bytes = (await buffer(archive.outputStream)).toString('latin1');
  for (const [from, to] of renamed) bytes = bytes.replaceAll(from, to);
  return Buffer.from(bytes, 'latin1');
}
