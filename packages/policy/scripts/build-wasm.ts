import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

// Compiles the module of the tests: packages clang-14 and lld-14 of Debian 12.
const FOLDER = resolve(import.meta.dirname, '../test/wasm')

/** Numbers below 2^32, seven bits a byte. */
function leb(value: number): number[] {
  const bytes: number[] = []
  let left = value
  do {
    const byte = left & 0x7f
    left >>>= 7
    bytes.push(left === 0 ? byte : byte | 0x80)
  } while (left !== 0)
  return bytes
}

function readLeb(bytes: Uint8Array, from: number): { readonly value: number; readonly next: number } {
  let [value, shift, at] = [0, 0, from]
  for (;;) {
    const byte = bytes[at++] ?? 0
    value |= (byte & 0x7f) << shift
    shift += 7
    if (byte < 0x80) return { value, next: at }
  }
}

const GLOBALS = 6
const EXPORTS = 7
const CONSTANTS = { opa_wasm_abi_version: 1, opa_wasm_abi_minor_version: 2 }

/** A linker exports the address of a constant where the ABI wants its value: the two globals are put in behind it. */
function addConstants(wasm: Buffer): Buffer {
  const sections: number[][] = []
  let globals = 0
  for (let at = 8; at < wasm.length; ) {
    const id = wasm[at] ?? 0
    const size = readLeb(wasm, at + 1)
    const content = wasm.subarray(size.next, size.next + size.value)
    at = size.next + size.value
    const count = readLeb(content, 0)
    const entries = [...content.subarray(count.next)]
    if (id === GLOBALS) {
      globals = count.value
      for (const value of Object.values(CONSTANTS)) entries.push(0x7f, 0x00, 0x41, value, 0x0b)
    } else if (id === EXPORTS) {
      Object.keys(CONSTANTS).forEach((name, index) => {
        entries.push(...leb(name.length), ...Buffer.from(name), 0x03, ...leb(globals + index))
      })
    }
    const isGrown = id === GLOBALS || id === EXPORTS
    const body = isGrown ? [...leb(count.value + 2), ...entries] : [...content]
    sections.push([id, ...leb(body.length), ...body])
  }
  return Buffer.concat([wasm.subarray(0, 8), ...sections.map((section) => Buffer.from(section))])
}

const folder = mkdtempSync(join(tmpdir(), 'countermark-policy-'))
try {
  const [object, linked] = [join(folder, 'policy.o'), join(folder, 'policy.wasm')]
  const compile = ['--target=wasm32', '-std=c11', '-Os', '-ffreestanding', '-Wall', '-Wextra', '-Werror', '-c']
  execFileSync('clang-14', [...compile, '-o', object, join(FOLDER, 'printed-policy.c')])
  const link = ['--no-entry', '--strip-all', '--import-memory', '--stack-first', '-z', 'stack-size=4096']
  execFileSync('wasm-ld-14', [...link, '-o', linked, object])
  const base64 = addConstants(readFileSync(linked)).toString('base64')
  const text = `/** printed-policy.c as WebAssembly, base64, written by scripts/build-wasm.ts. */\nexport const PRINTED_POLICY =\n  '${base64}'\n`
  writeFileSync(join(FOLDER, 'printed-policy.ts'), text)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
