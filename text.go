package heureka

import (
	"encoding/json"
	"fmt"
)

// MarshalText writes the name, such as "UP".
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes, and fails on all else.
func (s *Status) UnmarshalText(text []byte) error {
	parsed, ok := ParseStatus(string(text))
	if !ok {
		return fmt.Errorf("unknown status %.40q", text)
	}
	*s = parsed
	return nil
}

// MarshalText writes the name, such as "ADDED"; nothing for ActionNone.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes, and fails on all else.
func (a *Action) UnmarshalText(text []byte) error {
	parsed, ok := ParseAction(string(text))
	if !ok && len(text) > 0 {
		return fmt.Errorf("unknown action %.40q", text)
	}
	*a = parsed
	return nil
}

// MarshalJSON writes the pairs as an object.
func (m Metadata) MarshalJSON() ([]byte, error) { return json.Marshal(m.Map()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Metadata) UnmarshalJSON(doc []byte) error {
	var pairs map[string]string
	if err := json.Unmarshal(doc, &pairs); err != nil {
		return err
	}
	*m = NewMetadata(pairs)
	return nil
}
