// The conditionals of one file: which of its lines count.
import { allOf } from './doubts.ts';
import type { Doubt, Place } from './token.ts';

/** One `#if` … `#endif`. */
interface Conditional {
  place: Place;
  /** Whether the branch that is being read counts. */
  isActive: boolean;
  /** Whether a branch counted already, or none can because the whole conditional is in one that does not. */
  isDecided: boolean;
  hasElse: boolean;
  /** Why another branch may count. */
  doubts: readonly Doubt[];
}

export class Conditionals {
  readonly #open: Conditional[] = [];
  readonly #around: readonly Doubt[];

  /** @param around why the file as a whole may not count */
  constructor(around: readonly Doubt[] = []) {
    this.#around = around;
  }

  /** Whether a directive is one of conditionals. */
  static has(directive: string): boolean {
    return /^(?:if|el|endif)/.test(directive);
  }

  /** Whether the lines that are being read count. */
  get isActive(): boolean {
    return this.#open.at(-1)?.isActive ?? true;
  }

  /** Why the lines that are being read may not count. */
  get doubts(): readonly Doubt[] {
    return allOf(this.#around, ...this.#open.map(({ doubts }) => doubts));
  }

  /** Says that the condition that was read last may hold after all, or not. */
  addDoubts(doubts: readonly Doubt[]): void {
    const conditional = this.#open.at(-1);
    if (conditional !== undefined) conditional.doubts = allOf(conditional.doubts, doubts);
  }

  /** How many are open. */
  get depth(): number {
    return this.#open.length;
  }

  /** The places of those that are not closed. */
  get open(): Place[] {
    return this.#open.map(({ place }) => place);
  }

  /** Takes a directive; `holds` is asked only when its condition matters. Gives what is wrong with it. */
  async take(directive: string, place: Place, holds: () => Promise<boolean>): Promise<string | undefined> {
    if (directive.startsWith('if')) {
      const isOuterActive = this.isActive;
      const isActive = isOuterActive && (await holds());
      this.#open.push({ place, isActive, isDecided: isActive || !isOuterActive, hasElse: false, doubts: [] });
      return undefined;
    }
    const conditional = this.#open.at(-1);
    if (conditional === undefined) return `#${directive} without an #if before it`;
    if (directive === 'endif') {
      this.#open.pop();
      return undefined;
    }
    if (conditional.hasElse) return `#${directive} after #else`;
    conditional.hasElse = directive === 'else';
    conditional.isActive = !conditional.isDecided && (conditional.hasElse || (await holds()));
    conditional.isDecided ||= conditional.isActive;
    return undefined;
  }
}
