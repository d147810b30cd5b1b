// Key bindings from the cells of `bindings`. Every `&name` starts a binding, and the cells after it are its
// parameters.
import type { Cell, DeviceNode, Property, Value } from './devicetree/tree.ts';
import type { Binding } from './layout.ts';
import type { NameExplainer } from './name-explainer.ts';
import { doubtsOf } from './preprocessor/doubts.ts';
import {
  type Doubt,
  type Invocation,
  type Macro,
  type Place,
  type Token,
  writtenAt,
} from './preprocessor/token.ts';
import { lastOf, spellingOf, spellUse, wholeInvocations } from './spelling.ts';
import { BEHAVIOR_PARAMETERS } from './zmk/headers.ts';

/** Context for reading bindings, besides their cells. */
export interface BindingContext {
  tokens: readonly Token[];
  labels: ReadonlyMap<string, DeviceNode>;
  /** Macros that are defined at the end of the source. */
  macros: ReadonlyMap<string, Macro>;
  /** Whether every include was found. */
  isComplete: boolean;
  names: NameExplainer;
  /** Reports a mistake. */
  complain: (place: Place, message: string) => void;
  /** Reports that a name of ZMK's is used without including its header. */
  lacks: (header: string, place: Place, name: string) => void;
}

/** The bindings in the value of a property. */
export interface Keys {
  keys: Key[];
  /** The reason that the bindings are not known; then there are none. */
  unreadable?: string;
}

export interface Key {
  /** Label without `&`. */
  behavior: string;
  /** The token of its `&`. */
  start: Token;
  parameters: Cell[];
}

/** Behaviors whose parameters are key codes. For `lt`, only the second parameter is. */
const OF_KEYS = new Set(['kp', 'kt', 'sk', 'mt']);

/** Reads the bindings of a property and reports its mistakes to the context. */
export function readKeys(property: Property, context: BindingContext): Keys {
  const keys: Key[] = [];
  const { name, values, place } = property;
  let unreadable = context.isComplete ? undefined : doubtIn(property, context);
  for (const cell of values.flatMap(cellsOf)) {
    const reason = readCell(keys, cell, context);
    unreadable ??= reason;
  }
  const isList = values.every(({ kind }) => kind === 'cells' || kind === 'unknown');
  if (!isList || (keys.length === 0 && unreadable === undefined)) {
    const message = `the value of '${name}' is not a list of keys, such as <&kp A &kp B>`;
    context.complain(place, message);
    unreadable ??= message;
  }
  if (unreadable !== undefined) return { keys: [], unreadable };
  for (const key of keys) checkCount(key, context);
  return { keys };
}

function cellsOf(value: Value): Cell[] {
  return value.kind === 'cells' ? value.cells : value.kind === 'unknown' ? [value.cell] : [];
}

/** Reports undefined names in a property of key positions or layer numbers. */
export function checkNumbers({ values }: Property, { tokens, names, complain }: BindingContext): void {
  for (const cell of values.flatMap(value => (value.kind === 'cells' ? value.cells : []))) {
    if (cell.kind === 'reference') continue;
    for (const token of tokens.slice(cell.first, cell.last + 1)) {
      if (token.kind === 'name') complain(writtenAt(token), names.explain(token.text, false).message);
    }
  }
}

/** The binding as it is written in the source. */
export function bindingOf({ behavior, parameters }: Key, { tokens }: BindingContext): Binding {
  return { behavior, parameters: spellAll(parameters, tokens) };
}

/**
 * The reason that the property may have more or other keys, when files were not found. The value of a key code or
 * number does not matter, because keys are drawn by name.
 */
function doubtIn({ first, last, values }: Property, { tokens, macros }: BindingContext): string | undefined {
  // A name defined as nothing is a guard or a switch, so it is defined in any case.
  const isOpen = ({ name }: Doubt) => name === undefined || macros.get(name)?.body.length !== 0;
  const doubtBetween = (from: number, to: number, spelled: readonly Invocation[] = []) =>
    tokens
      .slice(from, to)
      .flatMap(token => doubtsOf(token, spelled))
      .find(isOpen);
  let at = first;
  for (const cell of values.flatMap(cellsOf)) {
    if (cell.kind === 'reference') continue;
    const spelled = wholeInvocations(tokens, cell.first, cell.last);
    const doubt = doubtBetween(at, cell.first) ?? doubtBetween(cell.first, cell.last + 1, spelled);
    if (doubt !== undefined) return doubt.message;
    at = cell.last + 1;
  }
  return doubtBetween(at, last + 1)?.message;
}

/** Adds a cell to the keys; returns the reason when it cannot. */
function readCell(keys: Key[], cell: Cell, context: BindingContext): string | undefined {
  const { tokens, names, complain } = context;
  const key = keys.at(-1);
  const start = tokens[cell.first]!;
  if (cell.kind === 'reference') {
    keys.push({ behavior: cell.text, start, parameters: [] });
    return undefined;
  }
  if (cell.kind === 'number') {
    if (key === undefined) {
      const message = `'${spellingOf(tokens, cell.first, cell.last)}' is before the first behavior`;
      complain(writtenAt(start), message);
      return message;
    }
    key.parameters.push(cell);
    checkNamesIn(cell, key, context);
    return undefined;
  }
  const count = key && countOf(key.behavior, context);
  const isWanted = key !== undefined && (count === undefined || key.parameters.length < count);
  const found = names.explain(cell.text, isWanted && takesKeys(key));
  if (found.header !== undefined) context.lacks(found.header, writtenAt(start), cell.text);
  else complain(writtenAt(start), found.message);
  // A parameter that a known behavior still expects is drawn by its name. Any other unknown name may stand for any
  // number of keys.
  const isParameter = isWanted && (count !== undefined || !found.isOpen);
  if (found.header === undefined && !isParameter) return found.message;
  key?.parameters.push(cell);
  return key === undefined ? found.message : undefined;
}

function takesKeys({ behavior, parameters }: Key): boolean {
  return OF_KEYS.has(behavior) || (behavior === 'lt' && parameters.length === 1);
}

/** Checks the names in an expression, such as `LC(KC_A)`. */
function checkNamesIn(
  { first, last }: Cell,
  key: Key,
  { tokens, names, complain, lacks }: BindingContext,
): void {
  for (const token of tokens.slice(first, last + 1)) {
    // The HID usage tables are too long to keep, and define only numbers.
    if (token.kind !== 'name' || token.text.startsWith('HID_USAGE_')) continue;
    const { message, header } = names.explain(token.text, takesKeys(key));
    if (header === undefined) complain(writtenAt(token), message);
    else lacks(header, writtenAt(token), token.text);
  }
}

/** The number of parameters of a behavior; undefined when no source states it. */
function countOf(behavior: string, { labels }: BindingContext): number | undefined {
  const node = labels.get(behavior);
  const cells = node?.properties.get('#binding-cells') ?? node?.properties.get('#sensor-binding-cells');
  const value = cells?.values[0];
  const count = value?.kind === 'cells' ? Number(value.cells[0]?.text) : Number.NaN;
  return Number.isInteger(count) ? count : BEHAVIOR_PARAMETERS.get(behavior);
}

function checkCount({ behavior, start, parameters }: Key, context: BindingContext): void {
  if (!context.labels.has(behavior) && BEHAVIOR_PARAMETERS.has(behavior)) {
    const { message, header } = context.names.explain(`&${behavior}`, false);
    if (header === undefined) context.complain(writtenAt(start), message);
    else context.lacks(header, writtenAt(start), `&${behavior}`);
  } else if (!context.labels.has(behavior)) {
    const slip = context.names.explainLabel(behavior, context.labels.keys());
    if (slip !== undefined) context.complain(writtenAt(start), slip);
  }
  const count = countOf(behavior, context);
  // An unknown name may stand for several parameters, and is already reported.
  const isKnown = parameters.every(({ kind }) => kind === 'number');
  if (count === undefined || parameters.length === count || !isKnown) return;
  const written = [`&${behavior}`, ...spellAll(parameters, context.tokens)].join(' ');
  const has = parameters.length === 0 ? 'none' : parameters.length;
  context.complain(
    writtenAt(start),
    `'&${behavior}' takes ${inWords(count)}, but has ${has} here: '${written}'`,
  );
}

function inWords(count: number): string {
  return count === 0 ? 'no parameters' : count === 1 ? 'one parameter' : `${count} parameters`;
}

/** The parameters as they are written. `BT_CLR`, which expands to two, is one of ZMK's own names. */
function spellAll(cells: readonly Cell[], tokens: readonly Token[]): string[] {
  const spelled: string[] = [];
  for (let index = 0; index < cells.length; index++) {
    const { first, last } = cells[index]!;
    const end = cells.at(-1)!.last;
    const several = wholeInvocations(tokens, first, end)
      .filter(({ macro }) => macro.place.file.isSystem)
      .map(one => ({ one, last: lastOf(tokens, first, one) }))
      .find(found => found.last > last);
    if (several === undefined) {
      spelled.push(spellingOf(tokens, first, last));
    } else {
      spelled.push(spellUse(several.one, tokens[first]!));
      while (index + 1 < cells.length && cells[index + 1]!.last <= several.last) index++;
    }
  }
  return spelled;
}
