// The command `glovebox cache show`: prints one entry with its metadata.
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import type { Command } from 'commander';
import type { Cache, EntryMetadata } from '../../../cache/cache.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { EXIT_FAILED } from '../../errors.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { readableDepth, toJsonValue } from '../../terminal/json-value.ts';
import { tableLines } from '../../terminal/table.ts';
import { sanitizeLine } from '../../terminal/text.ts';
import { findKeys } from './find-keys.ts';
import { addCacheOptions, type CacheCommandFlags, withCaches } from './options.ts';

interface ShowFlags extends CacheCommandFlags {
  output?: string;
}

export function showCommand(context: Context): Command {
  return addCacheOptions(createCommand('show', context))
    .description('Shows the size, times and value of an entry.')
    .argument('<key>', 'the key, whole')
    .option('-o, --output <file>', 'write a stored file (or bytes) to this file instead')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache show KEY', 'show the entry, whichever cache has it'],
        ['glovebox cache show KEY --tag firmware -o a.uf2', 'write a stored file to a.uf2'],
        ['glovebox cache show KEY --json | jq .[0].value', 'print the value as JSON'],
      ),
    )
    .action((key: string, flags: ShowFlags) =>
      withCaches(context, flags, async open => {
        const holders = (await findKeys(open, [key])).get(key) ?? [];
        if (flags.output !== undefined) {
          await writeOut(context, holders[0]!, key, resolve(context.cwd, flags.output));
          return;
        }
        const entries: object[] = [];
        for (const cache of holders) {
          const metadata = await cache.metadata(key);
          if (metadata === undefined) {
            continue;
          }
          // A file is stored bytes of a program's output, which are not readable on a screen.
          const value = metadata.kind === 'file' ? undefined : await cache.get(key);
          if (flags.json) {
            entries.push({ tag: cache.tag, ...metadata, value: toJsonValue(value) });
          } else {
            context.print(tableLines(rows(cache.tag, metadata)).join('\n'));
            context.print(metadata.kind === 'file' ? 'a file; --output writes it out' : show(context, value));
          }
        }
        if (flags.json) {
          context.printJson(entries);
        }
      }),
    );
}

async function writeOut(context: Context, cache: Cache, key: string, file: string): Promise<void> {
  const metadata = await cache.metadata(key);
  if (metadata?.kind === 'file') {
    if (!(await cache.getFile(key, file))) {
      context.stderr.write(`error: The file stored under '${key}' is damaged. Delete it and build again.\n`);
      context.exitStatus = EXIT_FAILED;
    }
    return;
  }
  const { writeFile } = await import('node:fs/promises');
  const value = await cache.get(key);
  const isBytes = value instanceof Uint8Array || typeof value === 'string';
  await writeFile(file, isBytes ? value : `${JSON.stringify(toJsonValue(value), null, 2)}\n`);
}

function rows(tag: string, metadata: EntryMetadata): string[][] {
  return [
    ['key', sanitizeLine(metadata.key)],
    ['cache', tag],
    ['size', formatBytes(metadata.size)],
    ['created', time(metadata.created)],
    ['last read', `${time(metadata.lastAccessed)} (${metadata.accessCount} reads)`],
    ['expires', metadata.expires === undefined ? 'never' : time(metadata.expires)],
  ];
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function show(context: Context, value: unknown): string {
  const colors = context.style.bold('x') !== 'x';
  return inspect(value, {
    depth: readableDepth(value),
    colors,
    maxArrayLength: 1_000,
    maxStringLength: 100_000,
  });
}
