// Escaping templates for HTML and SVG. Every value is escaped, unless it is markup already.

/** Safe markup: made by {@link markup}, or a constant. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = string | number | Markup | readonly Content[] | undefined;

/**
 * A template of HTML or SVG. Values may appear in text and in quoted attributes. Lists are joined; undefined is
 * omitted.
 */
export function markup(parts: TemplateStringsArray, ...values: Content[]): Markup {
  return new Markup(
    parts.map((part, index) => part + (index < values.length ? shown(values[index]) : '')).join(''),
  );
}

/**
 * Content that may be wider than the page. It can be scrolled with the keyboard alone.
 *
 * @param id identifies it when the page is replaced in part. Default: none
 */
export function scrollable(content: Content, label: string, id?: string): Markup {
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${label}"${id && markup` id="${id}"`}>${content}</div>`;
}

function shown(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(shown).join('');
  return escaped(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return (
    text
      .replace(/[&<>"']/g, character => ENTITIES[character]!)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: no page may contain them.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g, '\ufffd')
      .toWellFormed()
  );
}
