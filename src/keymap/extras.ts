// Parts of a keymap besides its layers: combos, macros and conditional layers.
import { type BindingContext, bindingOf, readKeys } from './bindings.ts';
import { type Cell, cellsOf, type DeviceNode, isEnabled, nodesOf, stringsOf } from './devicetree/tree.ts';
import type { Binding, Combo, ConditionalLayer, Layout, Macro } from './layout.ts';
import { ConditionError, evaluateInteger } from './preprocessor/condition.ts';
import type { Token } from './preprocessor/token.ts';

export function isCombo({ parent }: DeviceNode): boolean {
  return parent !== undefined && stringsOf(parent, 'compatible').includes('zmk,combos');
}

export function isMacro(node: DeviceNode): boolean {
  return stringsOf(node, 'compatible').some(name => name.startsWith('zmk,behavior-macro'));
}

/** Reads the enabled nodes of these kinds. Mistakes in them go to the context. */
export function readExtras(
  root: DeviceNode,
  context: BindingContext,
): Pick<Layout, 'combos' | 'macros' | 'conditionalLayers'> {
  const combos: Combo[] = [];
  const macros: Macro[] = [];
  const conditionalLayers: ConditionalLayer[] = [];
  for (const node of nodesOf(root)) {
    if (!isEnabled(node)) continue;
    const numbers = (name: string) => numbersOf(node, name, context.tokens);
    if (isCombo(node)) {
      const layers = numbers('layers');
      // ZMK's older way to say "on all layers".
      const isEverywhere = layers.length === 0 || layers.includes(-1);
      const bindings = bindingsOf(node, context);
      const keys = numbers('key-positions');
      combos.push({ name: node.name, keys, bindings, ...(!isEverywhere && { layers }) });
    } else if (isMacro(node)) {
      macros.push({ name: [...node.labels][0] ?? node.name, bindings: bindingsOf(node, context) });
    } else if (node.parent && stringsOf(node.parent, 'compatible').includes('zmk,conditional-layers')) {
      const [thenLayer] = numbers('then-layer');
      if (thenLayer !== undefined)
        conditionalLayers.push({ name: node.name, ifLayers: numbers('if-layers'), thenLayer });
    }
  }
  return {
    ...(combos.length > 0 && { combos }),
    ...(macros.length > 0 && { macros }),
    ...(conditionalLayers.length > 0 && { conditionalLayers }),
  };
}

function bindingsOf(node: DeviceNode, context: BindingContext): Binding[] {
  const property = node.properties.get('bindings');
  return property === undefined ? [] : readKeys(property, context).keys.map(key => bindingOf(key, context));
}

/** The numbers of a property, without those that cannot be evaluated. */
function numbersOf(node: DeviceNode, name: string, tokens: readonly Token[]): number[] {
  return cellsOf(node, name).flatMap(cell => numberOf(cell, tokens) ?? []);
}

/** The value of a cell; undefined if it is not a number. */
export function numberOf({ kind, first, last }: Cell, tokens: readonly Token[]): number | undefined {
  if (kind !== 'number') return undefined;
  try {
    return evaluateInteger(tokens.slice(first, last + 1));
  } catch (error) {
    if (error instanceof ConditionError) return undefined;
    throw error;
  }
}
