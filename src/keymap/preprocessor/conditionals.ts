// Stack of one file's conditionals. Decides which lines are active.
import { allOf } from './doubts.ts';
import type { Doubt, Place } from './token.ts';

/** One `#if` … `#endif`. */
interface Conditional {
  place: Place;
  /** Whether the current branch is active. */
  isActive: boolean;
  /** Whether an earlier branch was active, or none can be because the whole conditional is in an inactive one. */
  isDecided: boolean;
  hasElse: boolean;
  /** Reasons that another branch may be active. */
  doubts: readonly Doubt[];
}

export class Conditionals {
  readonly #open: Conditional[] = [];
  readonly #around: readonly Doubt[];

  /** @param around reasons that the whole file may not be active */
  constructor(around: readonly Doubt[] = []) {
    this.#around = around;
  }

  /** Whether a directive belongs to conditionals. */
  static has(directive: string): boolean {
    return /^(?:if|el|endif)/.test(directive);
  }

  /** Whether the current lines are active. */
  get isActive(): boolean {
    return this.#open.at(-1)?.isActive ?? true;
  }

  /** Reasons that the current lines may not be active. */
  get doubts(): readonly Doubt[] {
    return allOf(this.#around, ...this.#open.map(({ doubts }) => doubts));
  }

  /** Adds doubts about the last condition. */
  addDoubts(doubts: readonly Doubt[]): void {
    const conditional = this.#open.at(-1);
    if (conditional !== undefined) conditional.doubts = allOf(conditional.doubts, doubts);
  }

  /** The number of open conditionals. */
  get depth(): number {
    return this.#open.length;
  }

  /** The places of unclosed conditionals. */
  get open(): Place[] {
    return this.#open.map(({ place }) => place);
  }

  /**
   * Handles a directive. `holds` is called only when the condition matters. Returns a message when something is
   * wrong.
   */
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
