/** Tickets: each is good for one thing, for a short time, on behalf of the caller that made it. */
import type { Principal } from './principal.ts';

/** The one thing that a ticket can be used for. */
export type TicketKind = 'read' | 'preview' | 'archive' | 'push';

/** The contents of a ticket to make. */
export interface TicketGrant {
  readonly kind: TicketKind;
  /** An artifact's id, a session's id, or the description of an artifact to push, in a form that its reader knows. */
  readonly target: string;
  /** The maker, limited to the target. */
  readonly principal: Principal;
  /** True: the maker called over the network without credentials. */
  readonly isGuests: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly expireTime: number;
}

/** A ticket that was presented and is good. */
export interface Ticket extends TicketGrant {
  /** `tkt_` and 32 hexadecimal digits. */
  readonly id: string;
}
