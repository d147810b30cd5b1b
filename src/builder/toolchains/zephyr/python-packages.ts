// Identity of the Python that west runs in: its version, and those of the packages that a Zephyr build uses. West runs
// Zephyr's scripts with its own interpreter, which need not be the `python3` in PATH.
import path from 'node:path';
import { isObject } from '../../../cache/values/stored-json.ts';
import { CannotStartError, captureOutput } from '../../../system/process.ts';
import { type IdentifyOptions, interpreterOf, isScript, stampOf } from '../program-identity.ts';
import { findProgram } from '../programs.ts';
import { type Found, remembered } from '../remembered.ts';
import { WEST } from './west-build.ts';

/** A Python and its packages. Plain JSON. */
export interface PythonIdentity {
  /** For example `3.11.2`. */
  version: string;
  /** Versions by the names of the packages; null for missing ones. */
  packages: Record<string, string | null>;
}

/** A Python on this machine. */
export interface FoundPython {
  identity: PythonIdentity;
  /** The directories of the interpreter and its packages, by the names of these places. Absolute. */
  places: Record<string, string>;
}

/** Packages that west, Zephyr's scripts and ZMK's generators import or parse files with. */
const PACKAGES = [
  ...[
    'west',
    'pyelftools',
    'PyYAML',
    'pykwalify',
    'jsonschema',
    'packaging',
    'ruamel.yaml',
    'anytree',
    'intelhex',
  ],
  ...['protobuf', 'grpcio-tools', 'nanopb'],
];

const SCRIPT = `
import json, site, sys
from importlib import metadata
def version(name):
    try: return metadata.version(name)
    except Exception: return None
def files():
    # The files that the answer depends on: search paths, their configuration, and the packages' metadata.
    import os, glob
    found = {sys.executable, os.path.realpath(sys.executable), os.path.join(sys.prefix, "pyvenv.cfg")}
    found.add(os.path.join(os.path.dirname(sys.executable), "pyvenv.cfg"))
    for place in sys.path:
        place = os.path.abspath(place)
        found.add(place)
        if os.path.isdir(place): found.update(glob.glob(os.path.join(glob.escape(place), "*.pth")))
    for name in ("sitecustomize", "usercustomize"):
        if name in sys.modules: found.add(getattr(sys.modules[name], "__file__", None) or "")
    for name in sys.argv[1:]:
        try:
            place = str(metadata.distribution(name)._path)
            found.update([place] + [os.path.join(place, file) for file in ("METADATA", "PKG-INFO", "RECORD")])
        except metadata.PackageNotFoundError: pass
    return sorted(file for file in found if file)
try: depends = files()
except Exception: depends = []
places = {"python": sys.prefix, "python:user": site.getuserbase() or "", "python:base": sys.base_prefix}
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "packages": {name: version(name) for name in sys.argv[1:]}, "places": places, "files": depends}))
`;

const TIMEOUT_MS = 60_000;
const MAX_AGE_MS = 5_000;

const recent = new Map<string, { at: number; answer: Promise<FoundPython | null> }>();

/**
 * The Python of the west in this environment, else the `python3` of its PATH; null if neither works. At most a few
 * seconds old. Rejects only with the reason of `signal`.
 */
export async function findPython(
  environment: Readonly<Record<string, string>>,
  { cache, signal, clock }: IdentifyOptions = {},
): Promise<FoundPython | null> {
  const pythons = await pythonPrograms(environment);
  const key = JSON.stringify([pythons, pythons.map(stampOf), Object.entries(environment).sort()]);
  const known = recent.get(key);
  if (known !== undefined && performance.now() - known.at < MAX_AGE_MS) return known.answer;
  const answer = queryFirstPython(pythons, environment, { cache, signal, clock }).catch(error => {
    recent.delete(key);
    throw error;
  });
  recent.set(key, { at: performance.now(), answer });
  return answer;
}

/** The interpreters that west may run in, the likeliest first. Absolute. */
export async function pythonPrograms(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const own = await interpreterOf(WEST, environment);
  const candidates = [...(own !== undefined && /python/.test(own) ? [own] : []), 'python3'];
  const files = await Promise.all(candidates.map(candidate => findProgram(candidate, '/', environment)));
  return files.filter(file => file !== undefined);
}

/** The answer of the first interpreter that works. */
async function queryFirstPython(
  pythons: readonly string[],
  environment: Readonly<Record<string, string>>,
  { cache, signal, clock }: IdentifyOptions,
): Promise<FoundPython | null> {
  for (const python of pythons) {
    // A script may start any other Python, depending on files that are unknown here.
    const memory = isScript(python) ? undefined : cache;
    const key = ['python', python, Object.entries(environment).sort(), SCRIPT, PACKAGES];
    const query = async () => (await queryPython(python, environment, signal)) ?? { answer: null, files: [] };
    const found = await remembered(memory, key, isFoundPython, query, clock);
    if (found !== null) return found;
  }
  return null;
}

function isFoundPython(value: unknown): value is FoundPython | null {
  if (!isObject(value) || !isObject(value.identity) || !isObject(value.places)) return false;
  return typeof value.identity.version === 'string' && isObject(value.identity.packages);
}

async function queryPython(
  command: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Found<FoundPython> | undefined> {
  try {
    const { exitCode, output } = await captureOutput({
      ...{ command, args: ['-c', SCRIPT, ...PACKAGES], cwd: '/', timeLimit: TIMEOUT_MS },
      env: { ...env, PYTHONDONTWRITEBYTECODE: '1' },
      ...(signal === undefined ? {} : { signal }),
    });
    signal?.throwIfAborted();
    if (exitCode !== 0) return undefined;
    // Output of Python's start-up files precedes the answer.
    const answer: unknown = JSON.parse(output.split('\n').at(-1) ?? '');
    if (!isObject(answer) || typeof answer.version !== 'string' || !isObject(answer.packages))
      return undefined;
    const { version, packages, places, files } = answer;
    const known = isObject(places) ? Object.entries(places) : [];
    const found = {
      identity: { version, packages: packages as PythonIdentity['packages'] },
      places: Object.fromEntries(
        known.filter((place): place is [string, string] => path.isAbsolute(String(place[1]))),
      ),
    };
    return { answer: found, files: Array.isArray(files) ? [command, ...files.map(String)] : [] };
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error instanceof CannotStartError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
