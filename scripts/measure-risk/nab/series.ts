import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Window } from './score.ts'

/** One series of the benchmark: times in seconds, values, labelled windows. */
export interface Series {
  readonly name: string
  readonly times: readonly number[]
  readonly values: readonly number[]
  readonly windows: readonly Window[]
}

/** Every `*.csv` and `*.csv.gz` of a folder, with the labels of its `windows.json`; a name's `__` stands for `/`. */
export function readSeries(folder: string): Series[] {
  const labels: Record<string, [string, string][]> = JSON.parse(readFileSync(join(folder, 'windows.json'), 'utf8'))
  return readdirSync(folder)
    .filter((file) => /\.csv(\.gz)?$/.test(file))
    .sort()
    .map((file) => {
      const name = file.replace(/\.gz$/, '').replaceAll('__', '/')
      const bytes = readFileSync(join(folder, file))
      const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
      return { name, ...parseSeries(text), windows: (labels[name] ?? []).map(parseWindow) }
    })
}

/** `timestamp,value` lines below a heading; a line that is not one is left out. */
export function parseSeries(text: string): { times: number[]; values: number[] } {
  const times: number[] = []
  const values: number[] = []
  for (const line of text.split(/\r?\n/).slice(1)) {
    const [stamp = '', value = ''] = line.split(',')
    const time = parseTime(stamp)
    const number = Number(value)
    if (value === '' || !Number.isFinite(time) || !Number.isFinite(number)) continue
    times.push(time)
    values.push(number)
  }
  return { times, values }
}

function parseWindow([from, until]: [string, string]): Window {
  return { from: parseTime(from), until: parseTime(until) }
}

function parseTime(stamp: string): number {
  return Date.parse(`${stamp.trim().replace(' ', 'T')}Z`) / 1000
}
