import { connect } from 'node:net'
import { createTempFolder, findFreePort, type StartedProgram, startProgram, type TempFolder } from './programs.ts'

/** How to start a Redis server for a test. */
interface RedisOptions {
  /** Path of `redis-server`: what `requireProgram('redis-server')` found. */
  readonly command: string
  /** @default a free one */
  readonly port?: number
  /** More of the command line, such as `['--appendonly', 'yes']`. */
  readonly arguments?: readonly string[]
  /** Where its files lie; kept afterwards. @default a temporary folder, removed afterwards */
  readonly folder?: string
}

/** A Redis server that belongs to a test. */
export interface StartedRedis extends StartedProgram {
  /** Its port on 127.0.0.1. */
  readonly port: number
  /** Where clients connect. */
  readonly url: string
}

/** Starts a Redis server that keeps nothing on disk unless its arguments say so. */
export async function startRedis(options: RedisOptions): Promise<StartedRedis> {
  const { command, port = await findFreePort() } = options
  const temporary = options.folder === undefined ? await createTempFolder() : undefined
  const folder = options.folder ?? temporary?.path ?? '.'
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const program = await startProgram({
    command,
    arguments: [...fixed, ...(options.arguments ?? [])],
    folder,
    ready: /Ready to accept connections/,
  })
  return {
    ...program,
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      await program.stop()
      await temporary?.remove()
    },
  }
}

/** How to start a Redis Cluster for a test. */
interface RedisClusterOptions {
  /** Path of `redis-server`: what `requireProgram('redis-server')` found. */
  readonly command: string
  /** Servers, each with its share of the slots and no replica. @default 3 */
  readonly size?: number
  /** More of each command line, such as `['--cluster-require-full-coverage', 'no']`. */
  readonly arguments?: readonly string[]
}

/** A Redis Cluster that belongs to a test. */
export interface StartedRedisCluster {
  /** The ports of its nodes on 127.0.0.1. */
  readonly ports: readonly number[]
  /** Where clients connect. */
  readonly urls: readonly string[]
  /** Starts one server anew: it keeps its slots and loses its data. */
  readonly restart: (index: number) => Promise<void>
  /** Stops every node. */
  readonly stop: () => Promise<void>
}

const SLOTS = 16_384
const JOIN_ATTEMPTS = 400

interface Member {
  readonly folder: TempFolder
  /** Where the members talk to each other: the default, port + 10,000, may be no port at all. */
  readonly bus: number
  server: StartedRedis
}

/** Starts servers of a Redis Cluster that keep nothing on disk but who they are. */
export async function startRedisCluster(options: RedisClusterOptions): Promise<StartedRedisCluster> {
  const { size = 3 } = options
  const members = await Promise.all(Array.from({ length: size }, () => startMember(options)))
  const ports = members.map(({ server }) => server.port)
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(({ server }) => server.stop()))
    await Promise.all(members.map(({ folder }) => folder.remove()))
  }
  try {
    await join(members)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ports,
    urls: members.map(({ server }) => server.url),
    restart: async (index) => {
      const member = members[index]
      if (member === undefined) throw new RangeError(`the cluster has no server ${index}`)
      await member.server.stop()
      member.server = await startServer(options, member, member.server.port)
      await becomesOk(ports)
    },
    stop,
  }
}

async function startMember(options: RedisClusterOptions): Promise<Member> {
  const place = { folder: await createTempFolder(), bus: await findFreePort() }
  return { ...place, server: await startServer(options, place) }
}

function startServer(
  options: RedisClusterOptions,
  place: Omit<Member, 'server'>,
  port?: number,
): Promise<StartedRedis> {
  const fixed = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '2000']
  return startRedis({
    command: options.command,
    folder: place.folder.path,
    arguments: [...fixed, '--cluster-port', String(place.bus), ...(options.arguments ?? [])],
    ...(port !== undefined && { port }),
  })
}

async function join(members: readonly Member[]): Promise<void> {
  const [first, ...others] = members
  if (first === undefined) throw new RangeError('a cluster has at least one server')
  const share = SLOTS / members.length
  for (const [index, { server }] of members.entries()) {
    const [from, to] = [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1]
    await ask(server.port, `CLUSTER ADDSLOTSRANGE ${from} ${to}`)
    // Two members that begin with the same epoch would argue about it first.
    await ask(server.port, `CLUSTER SET-CONFIG-EPOCH ${index + 1}`)
  }
  for (const { server } of others) await ask(server.port, `CLUSTER MEET 127.0.0.1 ${first.server.port} ${first.bus}`)
  await becomesOk(members.map(({ server }) => server.port))
}

/** Waits until each server sees all slots served. */
async function becomesOk(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    let info = ''
    for (let attempt = 0; !isWhole(info, ports.length); attempt++) {
      if (attempt === JOIN_ATTEMPTS) throw new Error(`the cluster did not form:\n${info}`)
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 50))
      info = await ask(port, 'CLUSTER INFO')
    }
  }
}

function isWhole(info: string, size: number): boolean {
  return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${size}`)
}

/** Sends one command by itself and answers what came back. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\nQUIT\r\n`))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('close', () => {
      const answer = Buffer.concat(chunks).toString('utf8')
      if (answer.startsWith('-')) reject(new Error(`${command}: ${answer}`))
      else resolve(answer)
    })
  })
}
