import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { TrafficEvent } from './events.ts'

// Common and combined log format: address, two names, time, request line, status; what follows does not matter here.
const LINE =
  /^(\S+) \S+ \S+ \[(\d{2})\/(\w{3})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})\] "([A-Z]+) ([^\s"]+)[^"]*" (\d{3})/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A log file as traffic, gzipped or not: each address is an agent. Lines that are no requests are left out and counted. */
export function readWebLog(file: string): { events: TrafficEvent[]; skipped: number } {
  const bytes = readFileSync(file)
  return parseWebLog((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'))
}

/** The same from its text. */
export function parseWebLog(text: string): { events: TrafficEvent[]; skipped: number } {
  const lines = text.split(/\r?\n/).filter((line) => line !== '')
  const events = lines.map(parseLine).filter((event) => event !== undefined)
  return { events: events.sort((a, b) => a.atMs - b.atMs), skipped: lines.length - events.length }
}

function parseLine(line: string): TrafficEvent | undefined {
  const match = LINE.exec(line)
  if (match === null) return undefined
  const [, address = '', day, month = '', year, time, hours, minutes, method = '', target = '', status] = match
  const number = String(MONTHS.indexOf(month) + 1).padStart(2, '0')
  const atMs = Date.parse(`${year}-${number}-${day}T${time}${hours}:${minutes}`)
  if (Number.isNaN(atMs) || !target.startsWith('/')) return undefined
  return { atMs, agentId: `log_${address}`, method, path: target.replace(/\?.*/, ''), status: Number(status), address }
}
