import { hash } from 'node:crypto'
import type { LevelChange } from '../risk-store.ts'

/** A change on its way to people. */
export interface Alert {
  /** The same for the same change, in every process and for every attempt. */
  readonly id: string
  readonly agentId: string
  /** What is posted. */
  readonly content: string
}

/** The one type of notice, as receivers tell notices apart. */
const TYPE = 'risk.level_changed'

/** Writes a change as a notice (Standard Webhooks 1.0, section "Payload structure"). */
export function writeAlert({ agentId, from, to, atMs, score, reasons, by, why }: LevelChange): Alert {
  const timestamp = new Date(atMs).toISOString()
  const data = { agent: agentId, from, to, score, reasons, by, ...(why === undefined ? {} : { why }) }
  const named = hash('sha256', JSON.stringify([agentId, from, to, atMs, by]), 'base64url')
  return { id: `risk_${named.slice(0, 32)}`, agentId, content: JSON.stringify({ type: TYPE, timestamp, data }) }
}
