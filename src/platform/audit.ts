import type { Request } from '#http/message.ts'

/** What every line of the audit log has: where the request came from, and its id. */
export const auditFields = ({ address, id }: Pick<Request, 'address' | 'id'>) => ({ address, request: id })
