// Validation of cached layouts. A cached value may be anything, and is used only if it is a valid layout.
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import {
  type Binding,
  type Combo,
  type ConditionalLayer,
  type FilePlace,
  type Layer,
  type Layout,
  MAX_KEYS,
  type Macro,
} from '../../keymap/index.ts';

/** Limit on the files read and names looked for, for one keymap. */
const MAX_PLACES = 5_000;

/** The places of the files of a keymap; undefined if the value is not such a list. */
export function asPlaces(value: unknown): FilePlace[] | undefined {
  return isObject(value) ? listOf(value.places, asPlace, MAX_PLACES) : undefined;
}

function asPlace(value: unknown): FilePlace | undefined {
  if (!isObject(value) || !Number.isSafeInteger(value.directory) || typeof value.path !== 'string')
    return undefined;
  if (value.path.includes('\0')) return undefined;
  return { directory: value.directory as number, path: value.path };
}

/** A layout without errors, copied part by part as it is checked; undefined if the value is not one. */
export function asLayout(value: unknown): Layout | undefined {
  if (!isObject(value) || !Array.isArray(value.errors) || value.errors.length > 0) return undefined;
  const layers = listOf(value.layers, asLayer, MAX_KEYS);
  const combos = optional(value.combos, asCombo);
  const macros = optional(value.macros, asMacro);
  const conditionalLayers = optional(value.conditionalLayers, asConditionalLayer);
  if (!layers || !combos || !macros || !conditionalLayers) return undefined;
  return {
    ...{ layers, errors: [] },
    ...(combos.length > 0 && { combos }),
    ...(macros.length > 0 && { macros }),
    ...(conditionalLayers.length > 0 && { conditionalLayers }),
  };
}

function optional<T>(value: unknown, make: (item: unknown) => T | undefined): T[] | undefined {
  return value === undefined ? [] : listOf(value, make, MAX_KEYS);
}

function asCombo(value: unknown): Combo | undefined {
  if (!isObject(value)) return undefined;
  const { name } = value;
  const keys = asNumbers(value.keys);
  const bindings = listOf(value.bindings, asBinding, MAX_KEYS);
  const layers = value.layers === undefined ? [] : asNumbers(value.layers);
  if (typeof name !== 'string' || !keys || !bindings || !layers) return undefined;
  return { name, keys, bindings, ...(layers.length > 0 && { layers }) };
}

function asMacro(value: unknown): Macro | undefined {
  if (!isObject(value) || typeof value.name !== 'string') return undefined;
  const bindings = listOf(value.bindings, asBinding, MAX_KEYS);
  return bindings && { name: value.name, bindings };
}

function asConditionalLayer(value: unknown): ConditionalLayer | undefined {
  if (!isObject(value)) return undefined;
  const { name, thenLayer } = value;
  const ifLayers = asNumbers(value.ifLayers);
  if (typeof name !== 'string' || typeof thenLayer !== 'number' || !ifLayers) return undefined;
  return { name, ifLayers, thenLayer };
}

function asNumbers(value: unknown): number[] | undefined {
  return listOf(value, item => (typeof item === 'number' ? item : undefined), MAX_KEYS);
}

function asLayer(value: unknown): Layer | undefined {
  if (!isObject(value)) return undefined;
  const { name, displayName } = value;
  const bindings = listOf(value.bindings, asBinding, MAX_KEYS);
  const sensorBindings = listOf(value.sensorBindings, asBinding, MAX_KEYS);
  const rows = listOf(value.rows, item => (isCount(item) ? item : undefined), MAX_KEYS);
  if (typeof name !== 'string' || !bindings || !sensorBindings || !rows) return undefined;
  if (displayName !== undefined && typeof displayName !== 'string') return undefined;
  if (rows.reduce((sum, count) => sum + count, 0) !== bindings.length) return undefined;
  return { name, ...(displayName !== undefined && { displayName }), bindings, sensorBindings, rows };
}

function asBinding(value: unknown): Binding | undefined {
  if (!isObject(value) || typeof value.behavior !== 'string') return undefined;
  const parameters = listOf(
    value.parameters,
    item => (typeof item === 'string' ? item : undefined),
    MAX_KEYS,
  );
  return parameters && { behavior: value.behavior, parameters };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
