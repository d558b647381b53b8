import type { Clock } from '@countermark/core'

/** One number that both threads see without a message: how many records are durable. */
export class ThreadProgress {
  readonly shared: SharedArrayBuffer
  private readonly count: Int32Array

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.shared = shared
    this.count = new Int32Array(shared)
  }

  read(): number {
    return Atomics.load(this.count, 0)
  }

  advance(count: number): void {
    Atomics.store(this.count, 0, count)
    Atomics.notify(this.count, 0)
  }

  /** Blocks this thread until so many are durable, or the time has passed. */
  waitFor(count: number, deadlineMs: number, clock: Clock): void {
    const endMs = clock.monotonicMs() + deadlineMs
    for (let leftMs = deadlineMs; leftMs > 0; leftMs = endMs - clock.monotonicMs()) {
      const seen = this.read()
      if (seen >= count) return
      Atomics.wait(this.count, 0, seen, leftMs)
    }
  }
}
