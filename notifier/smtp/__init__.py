"""The SMTP client: sans-IO protocol, connection, pool. It has never heard of campaigns or rows.

    commands    bytes of each command; the end of data; nothing with control characters leaves
    replies     bytes to replies, under limits
    auth        PLAIN, LOGIN, CRAM-MD5
    sign_in     one session's choice and course of these
    envelope    one message's commands for one relay, and what is refused without asking it
    troubles    the errors, with place and next step
    transitions the session's vocabulary and table
    transaction one message on its way through a session
    protocol    the session: bytes in, events out
    connection  one session over a socket: TLS, deadlines, foreign errors translated
    courier     what one connection does with parcels
    redial      when to try to connect again
    pool        how many couriers there are, and who gets the next parcel
    transcript  a session tried out for a person to read

Public: `pool.Pool`, `pool.Parcel`, `pool.Feed`, `transcript.check`.
"""
