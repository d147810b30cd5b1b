// YAML parser errors in words for the author of the file.

/** The problem, as the end of a sentence without its full stop. */
export function yamlProblem(error: { message: string; code?: string }): string {
  if (/call stack/i.test(error.message)) return 'it is nested too deeply';
  if (error.code === 'MULTIPLE_DOCS') {
    return "it has multiple documents, and only one is read. Remove the line '---' and the document that is not meant";
  }
  return error.message.split('\n')[0]!.replace(/[.:]$/, '');
}
