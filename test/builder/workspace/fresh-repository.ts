// Makes a git repository with one commit without git, in git's own format: starting git five times takes longer than
// most tests do.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';

/** Names to their subtrees, or to blob objects. */
type Tree = Map<string, Tree | Buffer>;

const SETTINGS =
  '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n';
const AUTHOR = 'Ada <ada@example.org> 1767225600 +0000';

/**
 * Writes files (names to contents) into a directory and commits exactly these to `main`; returns the commit. None of
 * them is executable.
 */
export function freshRepository(directory: string, files: Readonly<Record<string, string>>): string {
  const repository = path.join(directory, '.git');
  for (const name of ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags']) {
    mkdirSync(path.join(repository, name), { recursive: true });
  }
  const root: Tree = new Map();
  const entries: Buffer[] = [];
  for (const name of Object.keys(files).sort(byBytes)) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, files[name]!);
    const id = addObject(repository, 'blob', Buffer.from(files[name]!));
    treeFor(root, path.posix.dirname(name)).set(path.posix.basename(name), id);
    entries.push(indexEntry(file, name, id));
  }
  const tree = addTree(repository, root).toString('hex');
  const commit = `tree ${tree}\nauthor ${AUTHOR}\ncommitter ${AUTHOR}\n\nA change\n`;
  const head = addObject(repository, 'commit', Buffer.from(commit)).toString('hex');
  const index = Buffer.concat([Buffer.from('DIRC'), words([2, entries.length]), ...entries]);
  writeFileSync(path.join(repository, 'index'), Buffer.concat([index, sha1(index)]));
  writeFileSync(path.join(repository, 'config'), SETTINGS);
  writeFileSync(path.join(repository, 'refs/heads/main'), `${head}\n`);
  writeFileSync(path.join(repository, 'HEAD'), 'ref: refs/heads/main\n');
  return head;
}

function treeFor(root: Tree, place: string): Tree {
  if (place === '.') return root;
  const parent = treeFor(root, path.posix.dirname(place));
  const name = path.posix.basename(place);
  if (!parent.has(name)) parent.set(name, new Map());
  return parent.get(name) as Tree;
}

function addTree(repository: string, tree: Tree): Buffer {
  // A directory sorts as if its name ended with a slash.
  const order = ([name, content]: [string, Tree | Buffer]) => (content instanceof Map ? `${name}/` : name);
  const lines = [...tree]
    .sort((one, other) => byBytes(order(one), order(other)))
    .flatMap(([name, content]) =>
      content instanceof Map
        ? [Buffer.from(`40000 ${name}\0`), addTree(repository, content)]
        : [Buffer.from(`100644 ${name}\0`), content],
    );
  return addObject(repository, 'tree', Buffer.concat(lines));
}

function addObject(repository: string, type: string, content: Buffer): Buffer {
  const object = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  const id = sha1(object);
  const name = id.toString('hex');
  const file = path.join(repository, 'objects', name.slice(0, 2), name.slice(2));
  if (existsSync(file)) return id;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, deflateSync(object), { mode: 0o444 });
  return id;
}

/** The index: the staged files, and the file state by which git sees that they are unchanged. */
function indexEntry(file: string, name: string, id: Buffer): Buffer {
  const { ctimeNs, mtimeNs, dev, ino, uid, gid, size } = lstatSync(file, { bigint: true });
  const times = [ctimeNs, mtimeNs].flatMap(time => [time / 1_000_000_000n, time % 1_000_000_000n]);
  const bytes = Buffer.from(name);
  const stat = words([...times, dev, ino, 0o100644, uid, gid, size]);
  // Of the flags only the name's length is set.
  const entry = Buffer.concat([stat, id, Buffer.from([bytes.length >> 8, bytes.length]), bytes]);
  // One to eight zeros, up to a multiple of eight.
  return Buffer.concat([entry, Buffer.alloc(8 - (entry.length % 8))]);
}

/** The lower 32 bits of each. */
function words(numbers: (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [at, number] of numbers.entries()) {
    bytes.writeUInt32BE(Number(BigInt.asUintN(32, BigInt(number))), 4 * at);
  }
  return bytes;
}

const sha1 = (bytes: Buffer) => createHash('sha1').update(bytes).digest();
const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));
