// Hardware that ZMK knows: keyboards, and the controllers that fit their shields.
import path from 'node:path';
import { glob } from 'tinyglobby';
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import { closestMatch } from '../../config/closest-match.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { readTextFile } from '../../system/text-file.ts';

export interface Keyboard {
  /** ZMK's name for it, such as `corne`. Its keymap has the same name. */
  id: string;
  /** The name that people know, such as `Corne`. */
  name: string;
  /** A `shield` needs a controller; a `board` has its own. */
  kind: 'shield' | 'board';
  /** The connectors that a shield's controller must have, such as `pro_micro`. */
  requires: string[];
  /** Names of its parts in build.yaml: the halves of a split keyboard, else the keyboard itself. */
  parts: string[];
  /** Keys in each row of its default keymap; empty if unknown. */
  rows: number[];
  /** Absolute path of its default keymap, if ZMK's sources are there. */
  keymap?: string;
}

/** A board for shields. */
export interface Controller {
  id: string;
  name: string;
  /** The connectors that it has. */
  exposes: string[];
}

export interface Hardware {
  /** Sorted by id. */
  keyboards: Keyboard[];
  /** The most common first. */
  controllers: Controller[];
}

const MAX_METADATA = 64 * 1024;
const MAX_NAMES = 50;
/** The controllers that most keyboards have. */
const COMMON = ['nice_nano_v2', 'nice_nano', 'seeeduino_xiao_ble', 'xiao_ble'];

/**
 * The hardware of ZMK's sources. Metadata that cannot be read is left out.
 *
 * @param application absolute path of ZMK's application, the directory `app`
 */
export async function readHardware(application: string): Promise<Hardware> {
  const files = await glob('boards/**/*.zmk.yml', { cwd: application, absolute: true });
  const { parse } = await import('yaml');
  const keyboards: Keyboard[] = [];
  const controllers: Controller[] = [];
  for (const file of files.sort()) {
    let metadata: unknown;
    try {
      metadata = parse(await readTextFile(file, MAX_METADATA), { maxAliasCount: 100, schema: 'core' });
    } catch {
      continue;
    }
    if (!isObject(metadata) || !isName(metadata.id) || typeof metadata.name !== 'string') continue;
    const { id, name, type } = metadata;
    const [features, siblings, exposes, requires] = [
      namesOf(metadata.features),
      namesOf(metadata.siblings),
      namesOf(metadata.exposes),
      namesOf(metadata.requires),
    ];
    if (features.includes('keys') && (type === 'shield' || type === 'board')) {
      const keymap = path.join(path.dirname(file), `${id}.keymap`);
      const parts = siblings.length > 0 ? siblings : [id];
      keyboards.push({ ...{ id, name, kind: type, requires, parts, rows: [] }, keymap });
    } else if (type === 'board' && exposes.length > 0) controllers.push({ id, name, exposes });
  }
  return sorted({ keyboards, controllers });
}

/** In the order in which they are offered. */
export function sorted({ keyboards, controllers }: Hardware): Hardware {
  const rank = ({ id }: Controller) => (COMMON.includes(id) ? COMMON.indexOf(id) : COMMON.length);
  return {
    keyboards: keyboards.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    controllers: controllers.toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1)),
  };
}

/** The keyboard of this id or name. Throws `InvalidArgumentError` if there is none. */
export function findKeyboard({ keyboards }: Hardware, wanted: string): Keyboard {
  const word = wanted.trim().toLowerCase();
  const found =
    keyboards.find(({ id }) => id === word) ??
    keyboards.find(({ name }) => name.toLowerCase() === word) ??
    keyboards.find(({ parts }) => parts.includes(word));
  if (found !== undefined) return found;
  const ids = keyboards.map(({ id }) => id);
  const near = ids.filter(id => id.includes(word) && word.length > 1);
  const closest = closestMatch(word, ids);
  const meant = near.length > 0 ? near.slice(0, 8) : closest === undefined ? [] : [closest];
  throw new InvalidArgumentError(
    `ZMK has no keyboard '${wanted}'.${meant.length > 0 ? ` Did you mean ${meant.join(', ')}?` : ''} glovebox init --list names all of them.`,
  );
}

/** The controllers that fit a keyboard; none if it has its own. */
export function controllersFor({ controllers }: Hardware, { kind, requires }: Keyboard): Controller[] {
  if (kind === 'board') return [];
  return controllers.filter(({ exposes }) => requires.every(connector => exposes.includes(connector)));
}

/** The controller of this id that fits. Throws `InvalidArgumentError` if it does not, or is unknown. */
export function findController(
  hardware: Hardware,
  keyboard: Keyboard,
  wanted: string | undefined,
): Controller | undefined {
  const fitting = controllersFor(hardware, keyboard);
  if (keyboard.kind === 'board') {
    if (wanted === undefined) return undefined;
    throw new InvalidArgumentError(
      `The ${keyboard.name} has a controller of its own. Leave --controller out.`,
    );
  }
  const found = wanted === undefined ? fitting[0] : fitting.find(({ id }) => id === wanted);
  if (found !== undefined) return found;
  const ids = fitting.map(({ id }) => id);
  if (wanted === undefined) {
    throw new InvalidArgumentError(
      `No controller is known that fits the ${keyboard.name} (${keyboard.requires.join(', ')}).`,
    );
  }
  const meant = closestMatch(wanted, ids);
  throw new InvalidArgumentError(
    `The controller '${wanted}' does not fit the ${keyboard.name}.${meant === undefined ? '' : ` Did you mean ${meant}?`} These do: ${ids.join(', ')}.`,
  );
}

function namesOf(value: unknown): string[] {
  return listOf(value, item => (isName(item) ? item : undefined), MAX_NAMES) ?? [];
}

/** Names become words of build.yaml and file names. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z\d][\w/@.-]*$/i.test(value) && !value.includes('..');
}
