import { isSegmentName } from './scope.ts'

const PARAMETER = /\{([A-Za-z_][A-Za-z0-9_]{0,63})\}/g

/** The parameters that a text names: `zone` in `dns:{zone}:write`. */
export function parametersOf(text: string): readonly string[] {
  return [...text.matchAll(PARAMETER)].map(([, name = '']) => name)
}

/**
 * Puts values in the place of parameters. `instead` gives what is written for one without a value, or with a value that is no
 * name of a segment: it could hold the separators of the text around it.
 */
export function fillParameters(
  text: string,
  values: Readonly<Record<string, unknown>>,
  instead: (name: string) => string,
): string {
  return text.replace(PARAMETER, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    return typeof value === 'string' && isSegmentName(value) ? value : instead(name)
  })
}
