/** Words of a POSIX shell command. */

/** Text as one word, always in quotes. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Text as one word, in quotes where a shell would change it without: for people to read. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_/.:,=@%+-]+$/.test(word) ? word : quote(word)
}
