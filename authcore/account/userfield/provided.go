package userfield

import (
	"encoding/json"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Provided returns the value of a field that somebody else than its owner says, such as an identity provider: read-only fields too. An error
// says that the field has no such value.
func (s Set) Provided(name string, value any) (any, error) {
	f, known := s.Find(name)
	if !known {
		return nil, broken(authcore.FieldUnknown)
	}
	if number, ok := value.(json.Number); ok {
		n, err := number.Float64()
		if err != nil {
			return nil, broken(authcore.FieldInteger)
		}
		value = n
	}
	return f.check(value)
}
