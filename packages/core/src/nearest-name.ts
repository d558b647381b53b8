/** The known name that somebody meant: the same but for case, part of it, or a few typing errors away. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const wanted = given.toLowerCase()
  const distances = known.map((name) => ({ name, distance: judge(name.toLowerCase(), wanted) }))
  const nearest = distances.reduce((best, next) => (next.distance < best.distance ? next : best), NOBODY)
  return nearest.distance <= Math.max(2, wanted.length / 4) ? nearest.name : undefined
}

const NOBODY = { name: '', distance: Number.POSITIVE_INFINITY }

function judge(known: string, wanted: string): number {
  const isPart = wanted.length >= 4 && (known.includes(wanted) || wanted.includes(known))
  return Math.min(countEdits(known, wanted), isPart ? 2 : Number.POSITIVE_INFINITY)
}

/** How many letters must be put in, taken out or replaced. Both texts come from the source code: quadratic is fine. */
function countEdits(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (above[column] as number) + 1, (current[column - 1] as number) + 1))
    }
    above = current
  }
  return above[b.length] as number
}
