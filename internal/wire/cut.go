package wire

import "slices"

// CutMember takes the value of a member out of a JSON object; null is left in its place. The value is nil if there is no such
// member. Neither is looked into: whoever decodes them finds out what is wrong with them. They may be parts of object.
func CutMember(object []byte, name string) (rest, value []byte) {
	s := newScanner(object, true)
	for member := range s.members {
		from, to := s.jump()
		if string(member) == name {
			return slices.Concat(object[:from], []byte("null"), object[to:]), object[from:to]
		}
	}
	return object, nil
}

// Elements returns the elements of a JSON array, at most limit, without looking into them.
func Elements(array []byte, limit int) (list [][]byte, err error) {
	s := newScanner(array, true)
	for range s.elements {
		if len(list) == limit {
			s.fail("too many elements")
			break
		}
		from, to := s.jump()
		list = append(list, array[from:to])
	}
	return list, s.failure()
}

// jump reads over the value that comes next and returns where it is.
func (s *scanner) jump() (from, to int) {
	s.peek()
	from, to = s.pos, s.holdValue()
	s.pos = to
	return from, to
}
