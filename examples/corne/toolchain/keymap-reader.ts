// Keymap reader: layers, hold-taps, combos and macros from a devicetree.
import { BEHAVIORS, knownBehaviors, plain } from './behaviors.ts';
import { allNodes, type Cell, type DeviceNode, type DeviceTree, type Property } from './devicetree.ts';
import { BuildError } from './errors.ts';
import { isModifier, usageOf } from './keycodes.ts';
import {
  type BehaviorName,
  type Combo,
  type ConditionalLayer,
  type HoldTap,
  type KeyBinding,
  type Keymap,
  type MacroStep,
  POSITIONS,
} from './keymap.ts';

const HOLD_TAP_PROPERTIES = [
  'compatible',
  'display-name',
  'label',
  '#binding-cells',
  'flavor',
  'tapping-term-ms',
  'quick-tap-ms',
  'require-prior-idle-ms',
  'bindings',
  'hold-trigger-key-positions',
  'hold-trigger-on-release',
];
const MACRO_PROPERTIES = [
  'compatible',
  'label',
  'display-name',
  '#binding-cells',
  'wait-ms',
  'tap-ms',
  'bindings',
];
const COMBO_PROPERTIES = ['timeout-ms', 'require-prior-idle-ms', 'key-positions', 'bindings', 'layers'];
const LAYER_PROPERTIES = ['bindings', 'display-name', 'label'];

/**
 * Reads a keymap from its devicetree. Throws a `BuildError` with file and line for anything that the firmware does not
 * support.
 */
export function readKeymap(file: string, tree: DeviceTree): Keymap {
  return new KeymapReader(file, tree).read();
}

/** A behavior and its parameters, as written. */
interface Call {
  behavior: Cell;
  parameters: Cell[];
}

class KeymapReader {
  readonly #file: string;
  readonly #tree: DeviceTree;
  readonly #nodes: DeviceNode[];
  /** Nodes and table indices by reference, such as `&hml`. */
  readonly #holdTaps = new Map<string, { node: DeviceNode | undefined; index: number }>();
  readonly #macros = new Map<string, { node: DeviceNode; index: number }>();
  #layerCount = 0;

  constructor(file: string, tree: DeviceTree) {
    this.#file = file;
    this.#tree = tree;
    this.#nodes = [...allNodes(tree.nodes)];
  }

  read(): Keymap {
    const layerNodes = this.#compatible('zmk,keymap').flatMap(node => node.children);
    if (layerNodes.length === 0) {
      throw new BuildError('there are no layers. Add one to a node with compatible = "zmk,keymap".', {
        file: this.#file,
      });
    }
    if (layerNodes.length > 32)
      throw this.#error(layerNodes[32]!, 'this is layer 33, but at most 32 are supported');
    this.#layerCount = layerNodes.length;
    this.#refuseUnknownNodes();

    const builtIn = ['&mt', '&lt'];
    for (const reference of builtIn) {
      this.#holdTaps.set(reference, { node: this.#override(reference), index: this.#holdTaps.size });
    }
    for (const node of this.#compatible('zmk,behavior-hold-tap')) {
      this.#holdTaps.set(this.#reference(node), { node, index: this.#holdTaps.size });
    }
    for (const node of this.#compatible('zmk,behavior-macro')) {
      this.#macros.set(this.#reference(node), { node, index: this.#macros.size });
    }

    const sticky = this.#override('&sk');
    if (sticky) this.#allow(sticky, ['release-after-ms']);
    return {
      layers: layerNodes.map(node => this.#layer(node)),
      holdTaps: [...this.#holdTaps].map(([reference, { node }]) => this.#holdTap(reference, node)),
      combos: this.#compatible('zmk,combos').flatMap(node => node.children.map(child => this.#combo(child))),
      macros: [...this.#macros.values()].map(({ node }) => this.#macro(node)),
      conditionalLayers: this.#compatible('zmk,conditional-layers').flatMap(node =>
        node.children.map(child => this.#conditionalLayer(child)),
      ),
      stickyReleaseAfter: this.#milliseconds(sticky, 'release-after-ms', 1000),
    };
  }

  #layer(node: DeviceNode): Keymap['layers'][number] {
    this.#allow(node, LAYER_PROPERTIES);
    const bindings = this.#calls(node).map(call => this.#binding(call));
    if (bindings.length !== POSITIONS) {
      throw this.#error(
        node,
        `layer '${node.name}' has ${bindings.length} bindings, but a Corne has ${POSITIONS} keys`,
      );
    }
    return { name: node.name, bindings };
  }

  #holdTap(reference: string, node: DeviceNode | undefined): HoldTap {
    if (node) this.#allow(node, HOLD_TAP_PROPERTIES);
    const flavor = this.#string(node, 'flavor') ?? (reference === '&lt' ? 'tap-preferred' : 'hold-preferred');
    if (!['hold-preferred', 'balanced', 'tap-preferred', 'tap-unless-interrupted'].includes(flavor)) {
      throw this.#error(node!.properties.get('flavor')!, `'${flavor}' is not a flavor of hold-tap`);
    }
    const [hold, tap] = this.#heldAndTapped(reference, node);
    return {
      flavor,
      tappingTerm: this.#milliseconds(node, 'tapping-term-ms', 200),
      quickTap: this.#milliseconds(node, 'quick-tap-ms', 0),
      priorIdle: this.#milliseconds(node, 'require-prior-idle-ms', 0),
      hold,
      tap,
      triggerPositions: this.#positions(node, 'hold-trigger-key-positions'),
      triggerOnRelease: node?.properties.has('hold-trigger-on-release') ?? false,
    };
  }

  /** The two behaviors of a hold-tap, without parameters, which the layer provides. */
  #heldAndTapped(reference: string, node: DeviceNode | undefined): [KeyBinding, KeyBinding] {
    const own = node?.properties.get('bindings');
    if (!own) {
      const hold = reference === '&lt' ? 'LAYER' : 'KEY';
      return [plain(hold), plain('KEY')];
    }
    const cells = own.groups.flat();
    if (cells.length !== 2) throw this.#error(own, 'a hold-tap has two behaviors: one to hold, one to tap');
    const behaviors = cells.map(cell => {
      const macro = this.#macros.get(cell.text);
      if (macro) return { ...plain('MACRO'), index: macro.index };
      const known = BEHAVIORS[cell.text];
      if (!known || known.takes === 'anything') {
        throw this.#error(cell, `a hold-tap of this firmware cannot use the behavior '${cell.text}'`);
      }
      return plain(known.behavior);
    });
    return [behaviors[0]!, behaviors[1]!];
  }

  #macro(node: DeviceNode): Keymap['macros'][number] {
    this.#allow(node, MACRO_PROPERTIES);
    let wait = this.#milliseconds(node, 'wait-ms', 15);
    let tap = this.#milliseconds(node, 'tap-ms', 30);
    let step: MacroStep['step'] = 'TAP';
    const steps: MacroStep[] = [];
    for (const call of this.#calls(node)) {
      switch (call.behavior.text) {
        case '&macro_tap':
        case '&macro_press':
        case '&macro_release':
          step = call.behavior.text.slice('&macro_'.length).toUpperCase() as MacroStep['step'];
          break;
        case '&macro_wait_time':
          wait = this.#number(this.#parameters(call, 1)[0]!);
          break;
        case '&macro_tap_time':
          tap = this.#number(this.#parameters(call, 1)[0]!);
          break;
        default: {
          const binding = this.#binding(call);
          if (binding.behavior === 'HOLD_TAP' || binding.behavior === 'MACRO') {
            throw this.#error(call.behavior, `a macro of this firmware cannot use '${call.behavior.text}'`);
          }
          steps.push({ step, tap, wait, binding });
        }
      }
    }
    if (steps.length > 255)
      throw this.#error(
        node,
        `macro '${node.name}' has ${steps.length} steps, but at most 255 are supported`,
      );
    return { name: node.name, steps };
  }

  #combo(node: DeviceNode): Combo {
    this.#allow(node, COMBO_PROPERTIES);
    const calls = this.#calls(node);
    if (calls.length !== 1)
      throw this.#error(node, `combo '${node.name}' needs one binding, but has ${calls.length}`);
    const positions = this.#positions(node, 'key-positions');
    if (positions.length < 2)
      throw this.#error(node, `combo '${node.name}' needs at least two key-positions`);
    const layers = this.#cells(node, 'layers').map(cell => this.#layerNumber(cell));
    return {
      positions,
      layers: layers.length > 0 ? layers : [...Array(32).keys()],
      timeout: this.#milliseconds(node, 'timeout-ms', 50),
      priorIdle: this.#milliseconds(node, 'require-prior-idle-ms', 0),
      binding: this.#binding(calls[0]!),
    };
  }

  #conditionalLayer(node: DeviceNode): ConditionalLayer {
    this.#allow(node, ['if-layers', 'then-layer']);
    const when = this.#cells(node, 'if-layers').map(cell => this.#layerNumber(cell));
    const target = this.#cells(node, 'then-layer')[0];
    if (when.length === 0 || !target)
      throw this.#error(node, `'${node.name}' needs if-layers and a then-layer`);
    return { when, layer: this.#layerNumber(target) };
  }

  #binding(call: Call): KeyBinding {
    const holdTap = this.#holdTaps.get(call.behavior.text);
    if (holdTap) {
      const [hold, tap] = this.#heldAndTapped(call.behavior.text, holdTap.node);
      const [first, second] = this.#parameters(call, 2);
      return {
        behavior: 'HOLD_TAP',
        index: holdTap.index,
        first: this.#parameter(hold.behavior, first!),
        second: this.#parameter(tap.behavior, second!),
      };
    }
    const macro = this.#macros.get(call.behavior.text);
    if (macro) {
      this.#parameters(call, 0);
      return { ...plain('MACRO'), index: macro.index };
    }
    const known = BEHAVIORS[call.behavior.text];
    if (!known) {
      throw this.#error(call.behavior, `unknown behavior '${call.behavior.text}'. ${knownBehaviors()}`);
    }
    if (known.takes === 'anything') return plain(known.behavior);
    const parameters = this.#parameters(call, known.takes === 'nothing' ? 0 : 1);
    const first = parameters[0] ? this.#parameter(known.behavior, parameters[0]) : 0;
    return { ...plain(known.behavior), first };
  }

  #parameter(behavior: BehaviorName, cell: Cell): number {
    switch (behavior) {
      case 'KEY':
      case 'STICKY_KEY': {
        const usage = usageOf(this.#expand(cell.text));
        if (usage === undefined) {
          throw this.#error(
            cell,
            `unknown key code '${cell.text}'. The names are those of ZMK's <dt-bindings/zmk/keys.h>, such as A, N1 or LC(Z).`,
          );
        }
        if (behavior === 'STICKY_KEY' && !isModifier(usage)) {
          throw this.#error(
            cell,
            `'${cell.text}' is not a modifier, and this firmware has no other sticky keys`,
          );
        }
        return usage;
      }
      case 'LAYER':
      case 'TO_LAYER':
      case 'TOGGLE_LAYER':
        return this.#layerNumber(cell);
      default:
        // A hold-tap whose behavior has no parameter gets a placeholder from ZMK, usually 0.
        return 0;
    }
  }

  /** Splits `&kp A &mo 1` into its behaviors. */
  #calls(node: DeviceNode): Call[] {
    const calls: Call[] = [];
    for (const cell of this.#cells(node, 'bindings')) {
      if (cell.text.startsWith('&')) calls.push({ behavior: cell, parameters: [] });
      else if (calls.length > 0) calls.at(-1)!.parameters.push(cell);
      else
        throw this.#error(cell, `'${cell.text}' is not a behavior. Behaviors begin with '&', such as '&kp'.`);
    }
    return calls;
  }

  #parameters(call: Call, count: number): Cell[] {
    if (call.parameters.length === count) return call.parameters;
    const found = call.parameters.map(cell => cell.text).join(' ') || 'nothing';
    throw this.#error(
      call.behavior,
      `'${call.behavior.text}' takes ${count} parameter(s), but has ${found} here`,
    );
  }

  #layerNumber(cell: Cell): number {
    const layer = this.#number(cell);
    if (layer < this.#layerCount) return layer;
    throw this.#error(cell, `there is no layer ${cell.text}: the layers are 0 to ${this.#layerCount - 1}`);
  }

  #positions(node: DeviceNode | undefined, property: string): number[] {
    return this.#cells(node, property).map(cell => {
      const position = this.#number(cell);
      if (position < POSITIONS) return position;
      throw this.#error(cell, `there is no key ${cell.text}: the positions are 0 to ${POSITIONS - 1}`);
    });
  }

  #milliseconds(node: DeviceNode | undefined, property: string, otherwise: number): number {
    const cell = this.#cells(node, property)[0];
    if (!cell) return otherwise;
    const value = this.#number(cell);
    if (value <= 65_535) return value;
    throw this.#error(cell, `${cell.text} ms is too long: at most 65535 ms are supported`);
  }

  #number(cell: Cell): number {
    const expanded = this.#expand(cell.text);
    if (/^(0x[0-9a-f]+|\d+)$/i.test(expanded)) return Number(expanded);
    throw this.#error(cell, `'${cell.text}' is neither a number nor defined by a #define in this file`);
  }

  /** Replaces names by their `#define`s, inside of `LC(…)` too. */
  #expand(source: string): string {
    let expanded = source;
    // Definitions may use others. Ten levels are more than any keymap needs, and stop a cycle.
    for (let depth = 0; depth < 10; depth++) {
      const next = expanded.replace(/\w+/g, word => this.#tree.definitions.get(word) ?? word);
      if (next === expanded) break;
      expanded = next;
    }
    return expanded;
  }

  #cells(node: DeviceNode | undefined, property: string): Cell[] {
    return node?.properties.get(property)?.groups.flat() ?? [];
  }

  #string(node: DeviceNode | undefined, property: string): string | undefined {
    return this.#cells(node, property)[0]?.text.replace(/^"|"$/g, '');
  }

  #compatible(compatible: string): DeviceNode[] {
    return this.#nodes.filter(node => this.#string(node, 'compatible') === compatible);
  }

  #override(reference: string): DeviceNode | undefined {
    const found = this.#tree.nodes.filter(node => node.name === reference);
    if (found[1]) throw this.#error(found[1], `${reference} is changed twice: put both changes into one`);
    return found[0];
  }

  #reference(node: DeviceNode): string {
    if (!node.label) throw this.#error(node, `'${node.name}' needs a label before its name`);
    return `&${node.label}`;
  }

  /** Ignoring a node silently would make a keyboard that behaves differently from its keymap. */
  #refuseUnknownNodes(): void {
    const understood = [
      'zmk,keymap',
      'zmk,combos',
      'zmk,conditional-layers',
      'zmk,behavior-hold-tap',
      'zmk,behavior-macro',
    ];
    for (const node of this.#nodes) {
      const compatible = this.#string(node, 'compatible');
      if (compatible !== undefined && !understood.includes(compatible)) {
        throw this.#error(node, `this small firmware does not know '${compatible}'`);
      }
    }
    for (const node of this.#tree.nodes) {
      if (!['/', '&lt', '&mt', '&sk'].includes(node.name)) {
        throw this.#error(node, `this small firmware cannot change '${node.name}'`);
      }
    }
  }

  #allow(node: DeviceNode, allowed: readonly string[]): void {
    for (const property of node.properties.values()) {
      if (!allowed.includes(property.name)) {
        throw this.#error(property, `this small firmware does not know the property '${property.name}'`);
      }
    }
  }

  #error(place: Cell | DeviceNode | Property, message: string): BuildError {
    return new BuildError(message, { file: this.#file, line: place.line });
  }
}
