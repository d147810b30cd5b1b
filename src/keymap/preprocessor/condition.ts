// Evaluates `#if` conditions and constant expressions in 64-bit integer arithmetic, as a C preprocessor does.
import type { Token } from './token.ts';

/** An expression cannot be evaluated. The message gives the reason. */
export class ConditionError extends Error {}

interface Value {
  value: bigint;
  isUnsigned: boolean;
}

const MAX_DEPTH = 200;

const PRECEDENCE: Readonly<Record<string, number>> = {
  ...{ '*': 10, '/': 10, '%': 10, '+': 9, '-': 9, '<<': 8, '>>': 8, '<': 7, '>': 7, '<=': 7, '>=': 7 },
  ...{ '==': 6, '!=': 6, '&': 5, '^': 4, '|': 3, '&&': 2, '||': 1 },
};

/**
 * Whether an expression is not 0. Macros are already expanded, and `defined` and `__has_include` replaced by 0 or
 * 1. Every other name is 0. Throws {@link ConditionError}.
 */
export function evaluateCondition(tokens: readonly Token[]): boolean {
  const parser = new ConditionParser(tokens);
  return parser.evaluate() !== 0n;
}

/** The value of an expression of numbers. Throws {@link ConditionError}. */
export function evaluateInteger(tokens: readonly Token[]): number {
  return Number(new ConditionParser(tokens).evaluate());
}

class ConditionParser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  evaluate(): bigint {
    if (this.#tokens.length === 0) throw new ConditionError('the expression is missing');
    const { value } = this.#comma(true);
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new ConditionError(`'${rest.text}' is unexpected in the expression`);
    return value;
  }

  /** `counts` is false where the value does not matter, as after `0 &&`: there, 1/0 is not an error. */
  #comma(counts: boolean): Value {
    let value = this.#ternary(counts);
    while (this.#take(',')) value = this.#ternary(counts);
    return value;
  }

  #ternary(counts: boolean): Value {
    if (++this.#depth > MAX_DEPTH)
      throw new ConditionError(`the expression is nested deeper than ${MAX_DEPTH}`);
    const condition = this.#binary(1, counts);
    if (!this.#take('?')) {
      this.#depth--;
      return condition;
    }
    const isTrue = condition.value !== 0n;
    const whenTrue = this.#comma(counts && isTrue);
    this.#expect(':');
    const whenFalse = this.#ternary(counts && !isTrue);
    this.#depth--;
    return converted((isTrue ? whenTrue : whenFalse).value, whenTrue.isUnsigned || whenFalse.isUnsigned);
  }

  #binary(least: number, counts: boolean): Value {
    let left = this.#unary(counts);
    for (;;) {
      const operator = this.#tokens[this.#at];
      const precedence = operator?.kind === 'punctuator' ? PRECEDENCE[operator.text] : undefined;
      if (precedence === undefined || precedence < least) return left;
      this.#at++;
      const { text } = operator!;
      const decided = (text === '&&' && left.value === 0n) || (text === '||' && left.value !== 0n);
      const right = this.#binary(precedence + 1, counts && !decided);
      left = apply(text, left, right, counts);
    }
  }

  #unary(counts: boolean): Value {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new ConditionError('the expression is incomplete');
    if (token.kind === 'number') return numberOf(token.text);
    if (token.kind === 'character') return { value: characterOf(token.text), isUnsigned: false };
    if (token.kind === 'name') return { value: 0n, isUnsigned: false };
    if (token.text === '(') {
      const value = this.#comma(counts);
      this.#expect(')');
      return value;
    }
    if (['!', '-', '+', '~'].includes(token.text)) {
      if (++this.#depth > MAX_DEPTH)
        throw new ConditionError(`the expression is nested deeper than ${MAX_DEPTH}`);
      const { value, isUnsigned } = this.#unary(counts);
      this.#depth--;
      if (token.text === '!') return truth(value === 0n);
      const result = token.text === '-' ? -value : token.text === '~' ? ~value : value;
      return converted(result, isUnsigned);
    }
    throw new ConditionError(`'${token.text}' is unexpected in the expression`);
  }

  #take(text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'punctuator' || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw new ConditionError(`'${text}' is missing in the expression`);
  }
}

function apply(operator: string, left: Value, right: Value, counts: boolean): Value {
  const isUnsigned = left.isUnsigned || right.isUnsigned;
  const a = converted(left.value, isUnsigned).value;
  const b = converted(right.value, isUnsigned).value;
  switch (operator) {
    case '*':
      return converted(a * b, isUnsigned);
    case '/':
    case '%':
      if (b === 0n) {
        if (counts) throw new ConditionError('the expression divides by zero');
        return { value: 0n, isUnsigned };
      }
      return converted(operator === '/' ? a / b : a % b, isUnsigned);
    case '+':
      return converted(a + b, isUnsigned);
    case '-':
      return converted(a - b, isUnsigned);
    case '<<':
    case '>>':
      return shifted(left, operator === '<<' ? right.value : -right.value);
    case '<':
      return truth(a < b);
    case '>':
      return truth(a > b);
    case '<=':
      return truth(a <= b);
    case '>=':
      return truth(a >= b);
    case '==':
      return truth(a === b);
    case '!=':
      return truth(a !== b);
    case '&':
      return converted(a & b, isUnsigned);
    case '^':
      return converted(a ^ b, isUnsigned);
    case '|':
      return converted(a | b, isUnsigned);
    case '&&':
      return truth(left.value !== 0n && right.value !== 0n);
    default:
      return truth(left.value !== 0n || right.value !== 0n);
  }
}

/** Shifts left; right when `by` is negative. */
function shifted({ value, isUnsigned }: Value, by: bigint): Value {
  if (by >= 64n) return { value: 0n, isUnsigned };
  if (by <= -64n) return { value: value < 0n ? -1n : 0n, isUnsigned };
  return converted(by >= 0n ? value << by : value >> -by, isUnsigned);
}

function converted(value: bigint, isUnsigned: boolean): Value {
  return { value: isUnsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value), isUnsigned };
}

function truth(holds: boolean): Value {
  return { value: holds ? 1n : 0n, isUnsigned: false };
}

function numberOf(text: string): Value {
  const [, digits, suffix] = /^(0[xX][\da-fA-F]+|0[bB][01]+|\d+)([uUlL]*)$/.exec(text) ?? [];
  if (digits === undefined) throw new ConditionError(`'${text}' is not an integer`);
  const isOctal = /^0\d/.test(digits);
  if (isOctal && /[89]/.test(digits)) throw new ConditionError(`'${text}' is not an octal number`);
  const value = BigInt(isOctal ? `0o${digits}` : digits);
  return converted(value, /u/i.test(suffix!) || value > 0x7fff_ffff_ffff_ffffn);
}

const ESCAPES: Readonly<Record<string, number>> = {
  ...{ n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11, e: 27, E: 27 },
};

/** The value of `'a'`. As in GCC, each further character shifts the previous ones up by a byte. */
function characterOf(text: string): bigint {
  let value = 0n;
  let count = 0;
  for (const [, hexadecimal, octal, escaped, plain] of text
    .slice(1, -1)
    .matchAll(/\\x([\da-fA-F]+)|\\([0-7]{1,3})|\\(.)|(.)/gs)) {
    count++;
    const code =
      hexadecimal !== undefined
        ? Number.parseInt(hexadecimal, 16)
        : octal !== undefined
          ? Number.parseInt(octal, 8)
          : escaped !== undefined
            ? (ESCAPES[escaped] ?? escaped.codePointAt(0)!)
            : plain!.codePointAt(0)!;
    value = (value << 8n) | BigInt(code & 0xff);
  }
  if (count === 0) throw new ConditionError('a character constant is empty');
  return count === 1 ? BigInt.asIntN(8, value) : BigInt.asIntN(32, value);
}
