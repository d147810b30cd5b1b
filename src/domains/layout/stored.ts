// What is in a cache may be anything: it is taken for a layout only if it is one.
import { isObject, listOf } from '../stored.ts';
import type { Binding, Layer, Layout } from './layout.ts';
import { MAX_KEYS } from './parse.ts';

/** A layout without errors, made anew of the parts that were looked at; undefined when the value is none. */
export function asLayout(value: unknown): Layout | undefined {
  if (!isObject(value) || !Array.isArray(value.errors) || value.errors.length > 0) return undefined;
  const layers = listOf(value.layers, asLayer, MAX_KEYS);
  return layers && { layers, errors: [] };
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
