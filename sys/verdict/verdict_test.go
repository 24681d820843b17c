package verdict

import "testing"

func TestOf(t *testing.T) {
	tests := []struct {
		levels []Level
		want   Level
		first  Level
	}{
		{nil, Unknown, 0},
		{[]Level{Info}, Unknown, Info},
		{[]Level{Info, OK, Unknown}, OK, OK},
		{[]Level{OK, Critical, Warning}, Critical, Critical},
	}
	for _, tt := range tests {
		var list []Evidence
		for _, l := range tt.levels {
			list = append(list, Evidence{Level: l})
		}
		v := Of(list)
		if v.Level != tt.want || len(list) > 0 && v.Evidence[0].Level != tt.first {
			t.Errorf("Of(%v) = %v; want %v", tt.levels, v, tt.want)
		}
	}
}
