//! What the simulated devices have to say: data points, faults, alerts, places.
//!
//! Each text stands in two languages, because real events mix both: `Air_Quality` beside `空气质量`,
//! `"优"` beside `"good"`.

/// One text in both languages.
pub(super) struct Text {
    pub(super) ascii: &'static str,
    pub(super) chinese: &'static str,
}

impl Text {
    pub(super) fn get(&self, chinese: bool) -> &'static str {
        if chinese { self.chinese } else { self.ascii }
    }
}

/// The values that one data point takes.
pub(super) enum Values {
    /// `0` or `1`, which most devices send in place of booleans.
    Flag,
    /// `true` or `false`.
    Bool,
    /// A whole number, both bounds included.
    Whole(i32, i32),
    /// A number with one decimal, bounds in tenths, both included.
    Tenths(i32, i32),
    /// One of several names.
    Names(&'static [Text]),
    /// A string of so many hexadecimal digits: what a binary data point looks like.
    Hex(usize),
}

/// One data point of a product.
pub(super) struct Point {
    pub(super) name: Text,
    pub(super) values: Values,
}

/// A fault or an alert of a product.
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) display: Text,
}

/// Where a device is.
pub(super) struct Place {
    pub(super) country: Text,
    pub(super) region: Text,
    pub(super) city: Text,
}

const fn text(ascii: &'static str, chinese: &'static str) -> Text {
    Text { ascii, chinese }
}

const fn point(ascii: &'static str, chinese: &'static str, values: Values) -> Point {
    Point {
        name: text(ascii, chinese),
        values,
    }
}

const fn attribute(name: &'static str, ascii: &'static str, chinese: &'static str) -> Attribute {
    Attribute {
        name,
        display: text(ascii, chinese),
    }
}

/// The data points, in the order in which a device reports them. No name ends in `_` and digits:
/// that form is left to the repeats which fill a large report.
pub(super) const POINTS: &[Point] = &[
    point("Power", "电源", Values::Bool),
    point("Air_Quality", "空气质量", Values::Names(AIR_QUALITY)),
    point("Wind_Velocity", "风速", Values::Names(WIND_VELOCITY)),
    point("Filter_Life", "滤芯寿命", Values::Whole(0, 100)),
    point("Temperature", "温度", Values::Tenths(-200, 500)),
    point("Humidity", "湿度", Values::Tenths(0, 1000)),
    point("Switch_Plasma", "等离子开关", Values::Flag),
    point("Child_Security_Lock", "童锁", Values::Flag),
    point("PM25", "细颗粒物", Values::Whole(0, 500)),
    point("CO2", "二氧化碳", Values::Whole(350, 5000)),
    point("Mode", "模式", Values::Names(MODE)),
    point(
        "Countdown_Minutes",
        "倒计时（分钟）",
        Values::Whole(0, 1440),
    ),
    point("Voltage", "电压", Values::Tenths(1980, 2420)),
    point("Energy_kWh", "累计电量", Values::Tenths(0, 99_999_999)),
    point("Rssi", "信号强度", Values::Whole(-95, -30)),
    point("Extended_Data", "扩展数据", Values::Hex(16)),
    point("Lock_State", "门锁状态", Values::Names(LOCK_STATE)),
    point("Lamp_Color", "灯光颜色", Values::Hex(6)),
    point("Brightness", "亮度", Values::Whole(0, 100)),
    point("Fault_Motor", "电机故障", Values::Flag),
    point("Fault_Dust_Sensor", "粉尘传感器故障", Values::Flag),
    point("Alert_Filter_Life", "滤芯寿命报警", Values::Flag),
    point("Heating", "加热中", Values::Bool),
    point(
        "Clock_Offset_Seconds",
        "时钟偏差（秒）",
        Values::Whole(i32::MIN, i32::MAX),
    ),
];

/// The data point whose value is as long as it takes to meet a wanted size.
pub(super) const FILLER: Text = text("Trace_Id", "追踪号");

const AIR_QUALITY: &[Text] = &[text("good", "优"), text("fair", "良"), text("poor", "差")];

const WIND_VELOCITY: &[Text] = &[
    text("sleep", "睡眠"),
    text("low", "低速"),
    text("auto", "自动"),
    text("turbo", "强劲"),
];

const MODE: &[Text] = &[
    text("cool", "制冷"),
    text("heat", "制热"),
    text("cool/dry", "制冷/除湿"),
    text("\"eco\"", "“节能”"),
];

// The padlock lies beyond the basic plane: four bytes of UTF-8, two `\u` escapes.
const LOCK_STATE: &[Text] = &[
    text("locked", "已上锁🔒"),
    text("open", "已开锁"),
    text("C:\\jammed", "卡住"),
];

/// What `attr_fault` events tell of.
pub(super) const FAULTS: &[Attribute] = &[
    attribute("Fault_Motor", "motor fault", "电机故障"),
    attribute("Fault_Dust_Sensor", "dust sensor fault", "粉尘传感器故障"),
    attribute(
        "Fault_Air_Sensors",
        "air sensors \"A/B\" fault",
        "空气传感器“A/B”故障",
    ),
    attribute("Fault_Comm", "communication fault", "通信故障"),
];

/// What `attr_alert` events tell of.
pub(super) const ALERTS: &[Attribute] = &[
    attribute("Alert_Filter_Life", "filter worn out", "滤芯寿命报警"),
    attribute("Alert_Air_Quality", "poor air", "空气质量报警"),
    attribute("Alert_Overheat", "over\"heat\"", "过热报警🔥"),
    attribute("Alert_Water_Level", "water low", "缺水报警"),
];

/// Where the devices are.
pub(super) const PLACES: &[Place] = &[
    Place {
        country: text("China", "中国"),
        region: text("Guangdong", "广东"),
        city: text("Guangzhou", "广州"),
    },
    Place {
        country: text("China", "中国"),
        region: text("Zhejiang", "浙江"),
        city: text("Hangzhou", "杭州"),
    },
    Place {
        country: text("China", "中国"),
        region: text("Beijing", "北京"),
        city: text("Beijing", "北京"),
    },
    Place {
        country: text("China", "中国"),
        region: text("Sichuan", "四川"),
        city: text("Chengdu", "成都"),
    },
    Place {
        country: text("Germany", "德国"),
        region: text("Bavaria", "巴伐利亚"),
        city: text("Munich", "慕尼黑"),
    },
    Place {
        country: text("Brazil", "巴西"),
        region: text("Sao Paulo", "圣保罗"),
        city: text("Campinas", "坎皮纳斯"),
    },
];
