import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'

/** The files that are shipped, with shorter waits and nothing else changed. */
export interface ShortenedFiles {
  readonly alerts: string
  readonly alertmanager: string
}

/** What stands for every `for:` of the rules. */
export const SHORT_FOR = '2s'
/** What stands for `group_wait` and `group_interval` of Alertmanager. */
export const SHORT_WAIT = '1s'

const FOLDER = resolve(import.meta.dirname, '../../packages/metrics/prometheus')

/** Reads the rules and Alertmanager's configuration; its receivers become those of `receiverOrigin`. */
export function readShortened(receiverOrigin: string): ShortenedFiles {
  const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')
  return {
    alerts: shortenRules(read('countermark.alerts.yaml')),
    alertmanager: read('alertmanager.yaml')
      .replaceAll(/^(\s*group_(?:wait|interval)): .*$/gm, `$1: ${SHORT_WAIT}`)
      .replaceAll(/http:\/\/localhost:\d+/g, receiverOrigin),
  }
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly object[] }[]
}

function shortenRules(text: string): string {
  const { groups }: RuleFile = parse(text)
  const shorten = (rule: object): object => ('for' in rule ? { ...rule, for: SHORT_FOR } : rule)
  // JSON is YAML.
  return JSON.stringify({ groups: groups.map(({ name, rules }) => ({ name, rules: rules.map(shorten) })) })
}
