package event

import (
	"encoding/binary"
	"errors"
)

// AppendHeaderList appends headers in a form that keeps them exactly: their
// order, names that occur twice, values of any bytes, and values that are nil
// apart from empty ones. [ParseHeaderList] reads it.
func AppendHeaderList(dst []byte, headers []Header) []byte {
	for _, h := range headers {
		dst = append(binary.AppendUvarint(dst, uint64(len(h.Key))), h.Key...)
		if h.Value == nil {
			dst = append(dst, 0)
			continue
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(h.Value))+1), h.Value...)
	}
	return dst
}

var errHeaderList = errors.New("the list of headers is damaged")

// ParseHeaderList reads what [AppendHeaderList] has written. The values refer
// to list.
func ParseHeaderList(list []byte) (headers []Header, err error) {
	for len(list) > 0 {
		var key, value []byte
		if key, list, err = cutBytes(list, 0); err != nil {
			return nil, err
		}
		if value, list, err = cutBytes(list, 1); err != nil {
			return nil, err
		}
		headers = append(headers, Header{Key: string(key), Value: value})
	}
	return headers, nil
}

// cutBytes cuts off bytes behind their length plus extra; a length below extra
// is nil.
func cutBytes(list []byte, extra uint64) (cut, rest []byte, err error) {
	n, size := binary.Uvarint(list)
	if size <= 0 || n > uint64(len(list)-size)+extra {
		return nil, nil, errHeaderList
	}
	list = list[size:]
	if n < extra {
		return nil, list, nil
	}
	n -= extra
	return list[:n:n], list[n:], nil
}
