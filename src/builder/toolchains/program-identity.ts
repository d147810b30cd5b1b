// Identity of a program, the same on every machine and different for a different program: the SHA-256 of the real file
// behind its name, and its `--version` output.
//
// A script is hashed without the lines that name its interpreter: the same `west` in two Python environments differs
// only in these. For the identity of the interpreter's packages see `python-packages.ts`.

import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Cache } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/cache-key.ts';
import { isObject } from '../../cache/values/stored-json.ts';
import { hashFile } from '../../system/hash-file.ts';
import { CannotStartError, captureOutput } from '../../system/process.ts';
import { findProgram } from './programs.ts';
import { remembered } from './remembered.ts';

/** The same for the same program on every machine. Plain JSON. */
export interface ProgramIdentity {
  /** The first line of its `--version` output; null if that fails. */
  version: string | null;
  /** Of its file; of a script without its interpreter line. */
  sha256: string;
}

export interface IdentifyOptions {
  /** Remembers the identity of a binary by its device, inode, size and time of change. Default: not remembered. */
  cache?: Cache | undefined;
  signal?: AbortSignal | undefined;
  /** In milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Python programs take a second to start on a busy machine. */
const VERSION_TIMEOUT_MS = 60_000;

/** Choosing a toolchain and describing it ask for the same identity a moment apart. */
const MAX_AGE_MS = 5_000;

/** How long a binary is remembered after its last check. */
const REMEMBERED = '30d';

/** In bytes. A larger file counts as a binary. */
const MAX_SCRIPT = 1024 * 1024;

const recent = new Map<string, { at: number; answer: Promise<ProgramIdentity> }>();

/**
 * Identifies the program of this name, or at this path, in an environment. Null if it does not exist. At most a few
 * seconds old. Rejects only with the reason of `signal`.
 */
export async function identifyProgram(
  program: string,
  environment: Readonly<Record<string, string>>,
  { cache, signal, clock }: IdentifyOptions = {},
): Promise<ProgramIdentity | null> {
  const file = await findProgram(program, '/', environment);
  const stamp = file === undefined ? undefined : stampOf(file);
  if (file === undefined || stamp === undefined) return null;
  const key = JSON.stringify([file, stamp, Object.entries(environment).sort()]);
  const known = recent.get(key);
  if (known !== undefined && performance.now() - known.at < MAX_AGE_MS) return known.answer;
  const answer = identify(file, stamp, environment, { cache, signal, clock }).catch(error => {
    recent.delete(key);
    throw error;
  });
  recent.set(key, { at: performance.now(), answer });
  return answer;
}

async function identify(
  file: string,
  stamp: string,
  environment: Readonly<Record<string, string>>,
  { cache, signal, clock }: IdentifyOptions,
): Promise<ProgramIdentity> {
  const script = readScript(file);
  // A script may only start another program, and then its version output is all that identifies that.
  if (script !== undefined) {
    const version = await scriptVersion(file, script, environment, { cache, signal, clock });
    return { version, sha256: digestScript(script) };
  }
  const key = `program:${await cacheKey(stamp)}`;
  const remembered = await cache?.get(key);
  if (isIdentity(remembered)) return { version: remembered.version, sha256: remembered.sha256 };
  const [sha256, version] = await Promise.all([
    hashFile(file).catch(() => ''),
    askVersion(file, environment, signal),
  ]);
  if (version !== null && sha256 !== '') await cache?.set(key, { version, sha256 }, { ttl: REMEMBERED });
  return { version, sha256 };
}

/** The script that pip writes for an entry point of a package. */
const ENTRY_POINT = /^from (\w+)(?:\.[\w.]+)? import \w+$/m;

/** Prints the files that the version output of a package's program depends on, one per line. */
const DEPENDS = `
import glob, os, sys
from importlib import metadata
found = {sys.executable, os.path.realpath(sys.executable), os.path.join(sys.prefix, "pyvenv.cfg")}
for place in map(os.path.abspath, sys.path):
    found.add(place)
    if os.path.isdir(place): found.update(glob.glob(os.path.join(glob.escape(place), "*.pth")))
name = sys.argv[1]
distribution = metadata.distribution(name)
files = [str(file.locate()) for file in distribution.files or []]
package = __import__("importlib.util", fromlist=["util"]).find_spec(name)
# One that is elsewhere is being worked on.
if package is None or package.origin not in files: sys.exit(1)
found.update(file for file in files if not file.endswith(".pyc"))
found.update(os.path.dirname(file) for file in files if file.endswith(".py"))
print("\\n".join(sorted(found)))
`;

/** The version output of a script; that of a Python package is cached while the package does not change. */
async function scriptVersion(
  file: string,
  script: string,
  environment: Readonly<Record<string, string>>,
  { cache, signal, clock }: IdentifyOptions,
): Promise<string | null> {
  const [, name] = ENTRY_POINT.exec(script) ?? [];
  const interpreter = interpreterIn(script);
  if (name !== 'west' || interpreter === undefined || !path.isAbsolute(interpreter) || isScript(interpreter))
    return askVersion(file, environment, signal);
  const key = ['script', file, script, Object.entries(environment).sort(), DEPENDS];
  const isVersion = (value: unknown): value is string | null => typeof value === 'string';
  return remembered(
    cache,
    key,
    isVersion,
    async () => {
      const [answer, depends] = await Promise.all([
        askVersion(file, environment, signal),
        captureOutput({
          ...{ command: interpreter, args: ['-c', DEPENDS, name], cwd: '/', timeLimit: VERSION_TIMEOUT_MS },
          env: { ...environment, PYTHONDONTWRITEBYTECODE: '1' },
          ...(signal === undefined ? {} : { signal }),
        }).catch(() => undefined),
      ]);
      const isKnown = answer !== null && depends?.exitCode === 0 && !depends.isCut;
      return { answer, files: isKnown ? [file, interpreter, ...depends.output.split('\n')] : [] };
    },
    clock,
  );
}

/** The interpreter of a script: absolute, or a name; undefined if the program is not a script. */
export async function interpreterOf(
  program: string,
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const file = await findProgram(program, '/', environment);
  const script = file === undefined ? undefined : readScript(file);
  return script === undefined ? undefined : interpreterIn(script);
}

function interpreterIn(script: string): string | undefined {
  const [first = '', second = ''] = script.split('\n', 2);
  // pip writes this if the path is too long for the first line or contains blanks.
  const long = /^'''exec' (?:"([^"]+)"|(\S+)) /.exec(second);
  if (first.startsWith('#!/bin/sh') && long) return long[1] ?? long[2];
  return /^#!\s*(?:\S*\/env(?:\s+-S)?\s+)?(\S+)/.exec(first)?.[1];
}

/**
 * A script's interpreter, and the hash of its content without the interpreter's location; undefined if the program is
 * not a script.
 *
 * @param file absolute
 */
export async function scriptOf(
  file: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ sha256: string; interpreter: string | undefined } | undefined> {
  const script = path.isAbsolute(file) ? readScript(file) : undefined;
  if (script === undefined) return undefined;
  const named = await interpreterOf(file, environment);
  const interpreter = named === undefined ? undefined : await findProgram(named, '/', environment);
  // The interpreter's options stay part of the hash.
  const start = (script.split('\n', 1)[0] ?? '').replace(named ?? '', path.basename(named ?? ''));
  const hash = createHash('sha256').update(`${start}\n${digestScript(script)}`);
  return { sha256: hash.digest('hex'), interpreter };
}

async function askVersion(
  command: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  try {
    const { exitCode, output } = await captureOutput({
      ...{ command, args: ['--version'], cwd: '/', env, timeLimit: VERSION_TIMEOUT_MS },
      ...(signal === undefined ? {} : { signal }),
    });
    signal?.throwIfAborted();
    return exitCode === 0 ? (output.split('\n')[0] ?? '') : null;
  } catch (error) {
    if (error instanceof CannotStartError) return null;
    throw error;
  }
}

/** Whether a program is a script. */
export function isScript(file: string): boolean {
  return readScript(file) !== undefined;
}

/** A stamp that distinguishes the file from every other at the same path; undefined if it does not exist. */
export function stampOf(file: string): string | undefined {
  try {
    const { dev, ino, size, ctimeNs } = statSync(realpathSync(file), { bigint: true });
    return `${dev}:${ino}:${size}:${ctimeNs}`;
  } catch {
    return undefined;
  }
}

/** The text of a script; undefined for a binary or an unreadable file. */
function readScript(file: string): string | undefined {
  try {
    if (statSync(file).size > MAX_SCRIPT) return undefined;
    const text = readFileSync(file, 'latin1');
    return text.startsWith('#!') ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The SHA-256 of a script without the lines that name its interpreter. */
export function digestScript(script: string): string {
  const rest = script.slice(script.indexOf('\n') + 1 || script.length);
  return createHash('sha256')
    .update(rest.replace(/^'''exec' .*\n/, ''))
    .digest('hex');
}

function isIdentity(value: unknown): value is { version: string; sha256: string } {
  return isObject(value) && typeof value.version === 'string' && /^[0-9a-f]{64}$/.test(String(value.sha256));
}
