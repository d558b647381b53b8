import { describeHost, FRAMEWORKS } from './describe-host.ts'
import { lightMyRequest } from './serverless-hosts.ts'

describe.each(FRAMEWORKS)('%s in light-my-request', (_framework, build) => describeHost(lightMyRequest, build))
