// Package drf speaks Django REST framework: it reads bodies as its parsers and serializers do ([Read], [Data.Check]), and answers
// in its envelopes with its texts ([Answer], [Failure], [FromError], [Metadata]). Statuses and texts are those of version 3.14, which
// dialects share.
//
// It has no calls and owns no rule: what an account may do is decided in the flows, whose refusals it translates.
package drf
