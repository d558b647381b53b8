/**
 * The grammar a second time, slow and by other means: a granted scope becomes the regular expression of the texts that it
 * covers. Nothing here is taken from the sources.
 */
export function modelCovers(granted: string, required: string): boolean {
  const having = withoutDuration(granted)
  const wanting = withoutDuration(required)
  if (!isScope(having, granted) || !isScope(wanting, required)) return false
  const pattern = having.split('').map((character) => (character === '*' ? '[^:]+' : literally(character)))
  return new RegExp(`^${pattern.join('')}$`).test(wanting)
}

const WORD = '[A-Za-z0-9_.~@/+=-]{1,128}'

function withoutDuration(text: string): string {
  return text.replace(/:(?:0|[1-9]\d{0,5})[smhd]$/, '')
}

function isScope(name: string, written: string): boolean {
  if (written.length > 256 || /^restrict(:|$)/i.test(written) || name.split(':').length > 16) return false
  return new RegExp(`^(?:${WORD}|\\*)(?::(?:${WORD}|\\*))*$`).test(name)
}

function literally(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
