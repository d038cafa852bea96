package wire

import (
	"bytes"
	"slices"

	"heureka.internal/heureka"
)

// CutInstance takes the registration that is the value of a member out of a JSON object; null is left in its place. The instance is nil
// if there is no such member, or null.
func CutInstance(object []byte, name string) (rest []byte, in *heureka.Instance, err error) {
	s := newScanner(object, true)
	for member := range s.members {
		if s.peek(); string(member) != name || bytes.HasPrefix(object[s.pos:], []byte("null")) {
			s.jump()
			continue
		}
		r := records.Get().(*record)
		defer r.release()
		value := newScanner(object[s.pos:], false)
		from, to := s.pos, 0
		if in, err = value.checked(r, value.registration(r)); err == nil {
			to = from + value.pos
		} else {
			_, to = s.jump()
		}
		return slices.Concat(object[:from], []byte("null"), object[to:]), in, err
	}
	return object, nil, nil
}

// CutList takes the elements of a list out of a JSON object of which it is a member, at most limit; null is left in its place. They are
// not looked into. No list or an empty one is nil.
func CutList(object []byte, name string, limit int) (rest []byte, list [][]byte, err error) {
	s := newScanner(object, true)
	for member := range s.members {
		if s.peek(); string(member) != name || bytes.HasPrefix(object[s.pos:], []byte("null")) {
			s.jump()
			continue
		}
		from := s.pos
		for range s.elements {
			if len(list) == limit {
				s.fail("too many elements")
				break
			}
			from, to := s.jump()
			list = append(list, object[from:to])
		}
		return slices.Concat(object[:from], []byte("null"), object[min(s.pos, len(object)):]), list, s.failure()
	}
	return object, nil, nil
}

// jump reads over the value that comes next and returns where it is.
func (s *scanner) jump() (from, to int) {
	s.peek()
	from, to = s.pos, s.holdValue()
	s.pos = to
	return from, to
}
